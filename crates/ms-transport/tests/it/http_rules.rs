//! What RFC 9110, 9112 and 9457 ask of a server, at the socket.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use crate::common;

use common::{Client, call, get, on_system, post, request, rig, rig_at, task};
use ms_testkit::http::Reply;
use ms_transport::{Access, Bind, HttpLimits, Token};

const JSON: &str = "Content-Type: application/json\r\n";

async fn raw(addr: std::net::SocketAddr, request: &str) -> (Reply, String) {
    let mut client = Client::to(addr).await;
    client.send(request).await;
    let reply = client.reply().await;
    (reply, client.rest().await)
}

/// A problem in every sense: status, media type, code, and the id of the request.
fn is_problem(reply: &Reply, status: u16, code: &str, what: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{what}: {reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{what}");
    assert!(reply.header("x-request-id").is_some(), "{what}");
}

#[test]
fn a_caller_that_only_ends_its_sending_half_gets_its_answer() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let chunked = format!(
            "POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            task().len(),
            task()
        );
        let plain = request("POST", "/api/v1/tasks", JSON, task());
        let look = request("GET", "/api/v1/tree", "", "");
        for (sent, status) in [(&plain, 201), (&chunked, 201), (&look, 200)] {
            for _ in 0..5 {
                let mut client = Client::to(rig.addr).await;
                client.send(sent).await;
                client.ends_sending().await;
                assert_eq!(client.reply().await.status, status, "{sent}");
                assert_eq!(client.rest().await, "", "{sent}");
            }
        }
        // It is heard of while its answer is still being made.
        rig.tasks.hold.store(true, std::sync::atomic::Ordering::SeqCst);
        let mut client = Client::to(rig.addr).await;
        client.send(&plain).await;
        rig.tasks.entered.notified().await;
        client.ends_sending().await;
        get(rig.addr, "/health/live").await;
        rig.tasks.go.notify_one();
        assert_eq!(client.reply().await.status, 201);
        assert_eq!(rig.tasks.count(), 11);
    });
}

#[test]
fn two_requests_and_an_end_get_two_answers() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let mut client = Client::to(rig.addr).await;
        let look = request("GET", "/health/live", "", "");
        client.send(format!("{look}{look}")).await;
        client.ends_sending().await;
        assert_eq!(client.reply().await.status, 200);
        assert_eq!(client.reply().await.status, 200);
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn a_body_that_ends_early_is_400_for_who_still_reads() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let mut client = Client::to(rig.addr).await;
        client.send(format!("POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 50\r\n\r\n{{")).await;
        client.ends_sending().await;
        let rest = client.rest().await;
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 400"), "{rest}");
        assert_eq!(rig.tasks.count(), 0);
    });
}

/// RFC 9112, 9.6: a client that is turned away while it sends gets its answer, and no reset.
#[test]
fn who_is_turned_away_while_sending_reads_the_answer() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let part = "x".repeat(64 * 1024);
        for _ in 0..20 {
            let mut client = Client::to(rig.addr).await;
            client.send(format!("POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 10485760\r\n\r\n")).await;
            // All of it is sent before anything is read, as many a client does.
            for _ in 0..160 {
                client.send(&part).await;
            }
            let reply = client.reply().await;
            is_problem(&reply, 413, "body-too-large", "413");
            assert_eq!(client.rest().await, "");
        }
    });
}

#[test]
fn heads_that_could_be_read_in_two_ways_are_refused_with_a_problem() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let post = format!("POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}");
        let body = format!("Content-Length: {}\r\n\r\n{}", task().len(), task());
        for (sent, status, code) in [
            ("GET /api/v1/tree HTTP/1.1\r\n\r\n".to_owned(), 400, "malformed-request"),
            (
                "GET /api/v1/tree HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"
                    .to_owned(),
                400,
                "malformed-request",
            ),
            (
                "GET http://localhost/api/v1/tree HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_owned(),
                400,
                "malformed-request",
            ),
            ("GET /\u{1} HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400, "malformed-request"),
            ("GARBAGE\r\n\r\n".to_owned(), 400, "malformed-request"),
            ("GET / HTTP/3.0\r\nHost: localhost\r\n\r\n".to_owned(), 505, "http-version"),
            (
                format!("{post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
                501,
                "unsupported-transfer-coding",
            ),
            (
                format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(101)),
                431,
                "head-too-large",
            ),
            (
                format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "y".repeat(70_000)),
                431,
                "head-too-large",
            ),
            (
                format!("{post}Idempotency-Key: a\r\nIdempotency-Key: b\r\n{body}"),
                400,
                "malformed-request",
            ),
            (
                format!("{post}Origin: http://localhost\r\nOrigin: http://evil.example\r\n{body}"),
                400,
                "malformed-request",
            ),
            (format!("{post}Content-Type: text/plain\r\n{body}"), 400, "malformed-request"),
        ] {
            let mut client = Client::to(rig.addr).await;
            client.send(&sent).await;
            let reply = client.reply().await;
            is_problem(&reply, status, code, &sent[..sent.len().min(200)]);
        }
        assert_eq!(rig.tasks.count(), 0);
        // Without a Host a client of HTTP/1.0 is served.
        assert!(raw(rig.addr, "GET /api/v1/tree HTTP/1.0\r\n\r\n").await.0.status == 200);
    });
}

#[test]
fn a_bad_head_behind_a_good_request_costs_the_good_one_nothing() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let good = request("GET", "/health/live", "", "");
        let bad = "GET / HTTP/1.1\r\n\r\n";
        let mut client = Client::to(rig.addr).await;
        client.send(format!("{good}{bad}{good}")).await;
        assert_eq!(client.reply().await.status, 200);
        is_problem(&client.reply().await, 400, "malformed-request", "the second");
        assert_eq!(client.rest().await, "", "what stands behind it is not served");
        // Who sends what stands in for a bad head is told about the path as anybody is.
        let forged = get_with(rig.addr, "REFUSED").await;
        assert_eq!(forged.status, 404);
    });
}

async fn get_with(addr: std::net::SocketAddr, method: &str) -> Reply {
    call(addr, method, "/", "", "").await
}

/// RFC 9112, 3.2.2: the target outranks the Host, and other machines' are not ours.
#[test]
fn an_absolute_target_is_served_for_this_machine_alone() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let to = |host: &str| {
            format!(
                "GET http://{host}/api/v1/tree HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            )
        };
        assert_eq!(raw(rig.addr, &to("localhost:1")).await.0.status, 200);
        is_problem(&raw(rig.addr, &to("evil.example")).await.0, 403, "foreign-origin", "absolute");
        let empty = "GET /api/v1/tree HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n";
        is_problem(&raw(rig.addr, empty).await.0, 403, "foreign-origin", "an empty host");
    });
}

#[test]
fn with_a_token_nobody_is_asked_for_a_name_of_this_machine() {
    on_system(async {
        let token = Token::new("0123456789abcdef").unwrap();
        let bind = Bind { access: Access::Token(token), ..Bind::loopback(0) };
        let rig = rig_at(bind, HttpLimits::default()).await;
        let sent = "GET http://api.example/api/v1/tree HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nAuthorization: bearer 0123456789abcdef\r\n\r\n";
        assert_eq!(raw(rig.addr, sent).await.0.status, 200);
    });
}

#[test]
fn json_in_another_character_set_is_415() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        for (kind, status) in [
            ("application/json; charset=utf-8", 201),
            ("application/json; charset=utf-16", 415),
            ("application/json;charset=\"iso-8859-1\"", 415),
        ] {
            let header = format!("Content-Type: {kind}\r\n");
            let reply = call(rig.addr, "POST", "/api/v1/tasks", &header, task()).await;
            assert_eq!(reply.status, status, "{kind}");
        }
    });
}

/// An operation that goes on has no single answer: who asks by its name is told the way to it.
#[test]
fn an_operation_with_items_is_refused_by_name_with_the_way_to_them() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        for (name, way) in [
            ("events.follow", "GET /api/v1/events"),
            ("tree.walk", "GET /api/v1/tree"),
            ("actors.trace", "msctl trace"),
        ] {
            for body in ["{}", r#"{"odd":1}"#] {
                let reply = post(rig.addr, &format!("/api/v1/ops/{name}"), body).await;
                assert_eq!((reply.status, reply.code().as_str()), (422, "streamed"), "{reply:?}");
                let said = reply.json();
                assert!(said["detail"].as_str().unwrap().starts_with(name), "{said}");
                assert!(said["next"].as_str().unwrap().contains(way), "{said}");
            }
        }
    });
}
