//! What comes in at the door and is turned away, and what that costs.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use crate::common;

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Client, call, closed_rig, get, on_system, post, request, rig, rig_at, task};
use ms_transport::{Access, Admission, Bind, Drain, Gate, HttpLimits, Serve, Token};

const JSON: &str = "Content-Type: application/json\r\n";

/// RELIABILITY 5 and 6.
#[test]
fn bodies_of_a_wrong_shape_are_named() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let deep =
            format!(r#"{{"kind":"a","payload":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for (body, hint) in [
            ("", "EOF"),
            ("{", "EOF"),
            ("[]", "expected an object, found an array"),
            (r#"{"kind":1}"#, "kind"),
            (r#"{"payload":1}"#, "missing field `kind`"),
            (r#"{"kind":"a","knd":1}"#, "unknown field `knd`"),
            (r#"{"kind":"a","priority":101}"#, "priority"),
            (r#"{"kind":"../a"}"#, "kind"),
            (r#"["default","echo",1]"#, "expected an object, found an array"),
            (r#"{"kind":"a","retry":[3,1,2,0.5]}"#, "expected an object, found an array at retry"),
            (r#"{"kind":"a","priority":null}"#, "expected a whole number from -32768 to 32767"),
            (r#"{"kind":"a","deadline_ms":-1}"#, "expected a whole number from 0 to"),
            (r#"{"kind":"a","payload":1e400}"#, "number out of range"),
            (&deep, "nested too deeply"),
            (r#"{"kind":"a","kind":"b"}"#, "appears twice"),
            (r#"{"kind":"a","payload":{"x":1,"x":2}}"#, "appears twice"),
            (r#"{"kind":"a","payload":NaN}"#, "expected value"),
            (r#"{"kind":"a","payload":"\ud800"}"#, "hex escape"),
            (r#"{"kind":"a","payload":"\udc00\ud800"}"#, "hex escape"),
            (r#"{"kind":"a"} {"kind":"b"}"#, "trailing characters"),
            (r#"{"kind":"a","payload":01}"#, "invalid number"),
        ] {
            let reply = post(rig.addr, "/api/v1/tasks", body).await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "malformed-body"), "{hint}");
            assert!(reply.body.contains(hint), "{hint}: {}", reply.body);
            assert!(!reply.body.contains("struct "), "{}", reply.body);
        }
        for bytes in [&b"\xff"[..], b"{\"kind\":\"\xc3\x28\"}", b"{\"kind\":\"\xed\xa0\x80\"}"] {
            let mut client = Client::to(rig.addr).await;
            client.send(format!("POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: {}\r\n\r\n", bytes.len())).await;
            client.send(bytes).await;
            let reply = client.reply().await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "malformed-body"), "{bytes:?}");
        }
        let typed =
            call(rig.addr, "POST", "/api/v1/tasks", "Content-Type: text/plain\r\n", task()).await;
        assert_eq!((typed.status, typed.code().as_str()), (415, "unsupported-media-type"));
        let packed = format!("{JSON}Content-Encoding: br\r\n");
        assert_eq!(call(rig.addr, "POST", "/api/v1/tasks", &packed, task()).await.status, 415);
        assert_eq!(rig.tasks.count(), 0);
    });
}

#[test]
fn a_wrong_method_and_a_wrong_path_are_refused() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let reply = call(rig.addr, "DELETE", "/api/v1/tasks", "", "").await;
        assert_eq!((reply.status, reply.code().as_str()), (405, "method-not-allowed"));
        let allowed = reply.header("allow").expect("says what is taken");
        assert!(allowed.contains("POST") && allowed.contains("GET"), "{allowed}");
        assert_eq!(get(rig.addr, "/api/v2/tasks").await.code(), "no-such-path");
        assert!(get(rig.addr, "/x").await.header("x-request-id").is_some());
    });
}

/// RELIABILITY 1: one byte too many, and ten mebibytes that never have to arrive.
/// S3.3-10
/// What was sent is quoted in a refusal, and may be as long as a body.
#[test]
fn a_refusal_does_not_repeat_all_that_was_sent() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let long = "x".repeat(100_000);
        let kind = format!(r#"{{"kind":"{long}","payload":1}}"#);
        let by_path = format!("/api/v1/ops/{}", &long[..8_000]);
        for reply in
            [post(rig.addr, "/api/v1/tasks", &kind).await, post(rig.addr, &by_path, "{}").await]
        {
            assert!((400..500).contains(&reply.status), "{}", reply.status);
            assert!(reply.body.len() < 10_000, "{} bytes", reply.body.len());
        }
    });
}

#[test]
fn a_body_over_the_limit_is_413_and_the_connection_is_closed() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let body = format!(r#"{{"kind":"a","payload":"{}"}}"#, "x".repeat(1024 * 1024 - 24));
        assert_eq!(body.len(), 1024 * 1024 + 1);
        for announced in [body.len(), 10 * 1024 * 1024] {
            let mut client = Client::to(rig.addr).await;
            let head = format!(
                "POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: {announced}\r\n\r\n"
            );
            client.send(head).await;
            client.send(&body).await;
            let reply = client.reply().await;
            assert_eq!((reply.status, reply.code().as_str()), (413, "body-too-large"));
            assert_eq!(client.rest().await, "");
        }
        let fits = format!(r#"{{"kind":"a","payload":"{}"}}"#, "x".repeat(1024 * 1024 - 25));
        assert_eq!(post(rig.addr, "/api/v1/tasks", &fits).await.status, 201);
    });
}

/// RELIABILITY 4.
#[test]
fn a_compressed_body_is_read_and_a_bomb_is_refused() {
    on_system(async {
        let rig = rig(HttpLimits { body_bytes: 64 * 1024, ..HttpLimits::default() }).await;
        let pack = |plain: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        };
        let bomb = vec![b' '; 16 * 1024 * 1024];
        let cases = [("gzip", task().as_bytes(), 201), ("GZip", &bomb, 413)];
        for (coding, plain, status) in cases {
            let body = pack(plain);
            let mut client = Client::to(rig.addr).await;
            client.send(format!("POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len())).await;
            client.send(body).await;
            assert_eq!(client.reply().await.status, status);
        }
    });
}

/// RELIABILITY 2.
#[test]
fn a_body_that_does_not_arrive_is_408_and_its_place_is_free_again() {
    on_system(async {
        let limits = HttpLimits {
            body_within: Duration::from_millis(100),
            requests: 1,
            ..HttpLimits::default()
        };
        let rig = rig(limits).await;
        let mut client = Client::to(rig.addr).await;
        client.send(format!("POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 5\r\n\r\n{{")).await;
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.code().as_str()), (408, "body-too-slow"));
        assert_eq!(client.rest().await, "");
        assert_eq!(post(rig.addr, "/api/v1/tasks", task()).await.status, 201);
    });
}

/// RELIABILITY 3.
/// S3.3-10
#[test]
fn connections_that_dawdle_over_their_head_are_closed_and_others_are_served() {
    on_system(async {
        let rig =
            rig(HttpLimits { head_within: Duration::from_millis(300), ..HttpLimits::default() })
                .await;
        let mut slow = Vec::new();
        for _ in 0..200 {
            let mut client = Client::to(rig.addr).await;
            client.send("G").await;
            slow.push(client);
        }
        assert_eq!(get(rig.addr, "/health/live").await.status, 200);
        for mut client in slow {
            let said = client.rest().await;
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
        }
    });
}

/// RELIABILITY 7.
#[test]
fn a_length_and_chunks_at_once_are_refused_and_chunks_alone_end_the_connection() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n", task().len(), task());
        let smuggled = "GET /api/v1/tree HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let orders = [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        ];
        for both in orders {
            let mut client = Client::to(rig.addr).await;
            client.send(format!("POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}{both}\r\n{chunked}{smuggled}")).await;
            let reply = client.reply().await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "malformed-request"));
            // Whatever stands behind it is not served.
            assert_eq!(client.rest().await, "");
        }
        assert_eq!(rig.tasks.count(), 0);
        let mut client = Client::to(rig.addr).await;
        client.send(format!("POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n{chunked}{smuggled}")).await;
        assert_eq!(client.reply().await.status, 201);
        assert_eq!(client.rest().await, "");
        let mut client = Client::to(rig.addr).await;
        client.send(format!("POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456")).await;
        assert_eq!(client.reply().await.code(), "malformed-request");
        assert_eq!(client.rest().await, "");
    });
}

/// RELIABILITY 12. A submission that has begun is brought to its end without its caller.
#[test]
fn a_caller_that_hangs_up_leaves_nothing_behind() {
    on_system(async {
        let rig = rig(HttpLimits { requests: 1, ..HttpLimits::default() }).await;
        rig.tasks.hold.store(true, Ordering::SeqCst);
        let mut client = Client::to(rig.addr).await;
        client.send(request("POST", "/api/v1/tasks", JSON, task())).await;
        rig.tasks.entered.notified().await;
        let full = post(rig.addr, "/api/v1/tasks", task()).await;
        assert_eq!((full.status, full.code().as_str()), (503, "overloaded"));
        assert_eq!(full.header("retry-after"), Some("1"));
        // A reset: an end of the sending half alone is from one who waits for the answer.
        client.0.set_zero_linger().unwrap();
        drop(client);
        rig.tasks.hold.store(false, Ordering::SeqCst);
        // Its room is free, though its task is still being taken.
        while post(rig.addr, "/api/v1/tasks", task()).await.status != 201 {
            tokio::task::yield_now().await;
        }
        assert_eq!((rig.tasks.left.load(Ordering::SeqCst), rig.tasks.count()), (1, 1));
        rig.tasks.go.notify_one();
        while rig.tasks.count() < 2 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn more_connections_than_there_is_room_for_wait_their_turn() {
    on_system(async {
        let rig = rig(HttpLimits { connections: 2, ..HttpLimits::default() }).await;
        let (first, second) = (Client::to(rig.addr).await, Client::to(rig.addr).await);
        let mut third = Client::to(rig.addr).await;
        third.send(request("GET", "/health/live", "", "")).await;
        let early = tokio::time::timeout(Duration::from_millis(100), third.reply()).await;
        assert!(early.is_err(), "{early:?}");
        drop((first, second));
        assert_eq!(third.reply().await.status, 200);
    });
}

#[test]
fn a_handler_that_panics_costs_its_request_and_nothing_else() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let mut client = Client::to(rig.addr).await;
        client
            .send(request("POST", "/api/v1/tasks", JSON, r#"{"kind":"a","payload":"panic"}"#))
            .await;
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.code().as_str()), (500, "internal"));
        client.send(request("POST", "/api/v1/tasks", JSON, task())).await;
        assert_eq!(client.reply().await.status, 201);
    });
}

/// The gate: S5.1-05, C29.
/// S4.1-09, S4.4-10, S5.1-11
#[test]
fn s5_1_05_work_is_refused_before_the_start_is_done_and_while_it_drains() {
    on_system(async {
        let rig = closed_rig(Bind::loopback(0), HttpLimits::default()).await;
        assert_eq!(post(rig.addr, "/api/v1/tasks", task()).await.code(), "not-serving");
        assert_eq!(get(rig.addr, "/health/ready").await.status, 503);
        assert_eq!(get(rig.addr, "/health/live").await.status, 200);
        rig.gateway.ask(Serve).within(common::TEST_WITHIN).await.unwrap();
        assert_eq!(get(rig.addr, "/health/ready").await.status, 200);

        rig.tasks.hold.store(true, Ordering::SeqCst);
        let mut busy = Client::to(rig.addr).await;
        busy.send(request("POST", "/api/v1/tasks", JSON, task())).await;
        rig.tasks.entered.notified().await;
        let mut idle = Client::to(rig.addr).await;
        idle.send(request("GET", "/health/live", "", "")).await;
        idle.reply().await;
        let gateway = rig.gateway.clone();
        let draining = actix_rt::spawn(async move {
            gateway.ask(Drain { within: Duration::from_secs(5) }).within(common::TEST_WITHIN).await
        });
        // An idle connection is closed at once; the one with work in hand is answered first.
        assert_eq!(idle.rest().await, "");
        rig.tasks.go.notify_one();
        let reply = busy.reply().await;
        assert_eq!(reply.status, 201);
        assert_eq!(draining.await.unwrap().unwrap().cut, 0);
        assert!(tokio::net::TcpStream::connect(rig.addr).await.is_err(), "the port is closed");
    });
}

/// A door of the node's: closed, then open, then closed, and who is inside.
#[derive(Clone, Default)]
struct Counted(std::sync::Arc<(std::sync::atomic::AtomicU8, std::sync::atomic::AtomicUsize)>);

struct Inside(Counted);
impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.1.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Admission for Counted {
    fn enter(&self) -> Result<Box<dyn std::any::Any + Send + Sync>, Gate> {
        match self.0.0.load(Ordering::SeqCst) {
            0 => Err(Gate::Starting),
            1 => {
                self.0.1.fetch_add(1, Ordering::SeqCst);
                Ok(Box::new(Inside(self.clone())))
            }
            _ => Err(Gate::Draining),
        }
    }
}

/// S5.1-05, S5.1-06
#[test]
fn a_node_with_an_admission_of_its_own_lets_requests_in_and_counts_them() {
    on_system(async {
        let admission = Counted::default();
        let admitted = admission.clone();
        let rig = common::rig_with(Bind::loopback(0), HttpLimits::default(), move |spec| {
            spec.admitted_by(admitted.clone())
        })
        .await;
        assert_eq!(post(rig.addr, "/api/v1/tasks", task()).await.code(), "not-serving");
        admission.0.0.store(1, Ordering::SeqCst);
        rig.tasks.hold.store(true, Ordering::SeqCst);
        let mut busy = Client::to(rig.addr).await;
        busy.send(request("POST", "/api/v1/tasks", JSON, task())).await;
        rig.tasks.entered.notified().await;
        assert_eq!(admission.0.1.load(Ordering::SeqCst), 1);
        admission.0.0.store(2, Ordering::SeqCst);
        assert_eq!(get(rig.addr, "/api/v1/tree").await.code(), "not-serving");
        rig.tasks.go.notify_one();
        assert_eq!(busy.reply().await.status, 201);
        assert_eq!(admission.0.1.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_drain_that_takes_too_long_is_cut_at_its_end() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        rig.tasks.hold.store(true, Ordering::SeqCst);
        let mut busy = Client::to(rig.addr).await;
        busy.send(request("POST", "/api/v1/tasks", JSON, task())).await;
        rig.tasks.entered.notified().await;
        let drain = Drain { within: Duration::from_millis(50) };
        assert_eq!(rig.gateway.ask(drain).within(common::TEST_WITHIN).await.unwrap().cut, 1);
        assert_eq!(busy.rest().await, "");
    });
}

#[test]
fn a_gateway_that_crashes_comes_back_on_its_port_and_serves() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let before = rig.gateway.any().incarnation();
        rig.gateway.any().kill();
        while rig.gateway.any().incarnation() <= before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(post(rig.addr, "/api/v1/tasks", task()).await.status, 201);
    });
}

#[test]
fn a_taken_port_is_a_failed_start_that_names_it() {
    on_system(async {
        let first = rig(HttpLimits::default()).await;
        let spec = ms_transport::admin_gateway(
            Bind::loopback(first.addr.port()),
            HttpLimits::default(),
            common::desk(&first.control, &first.tasks, true),
            std::sync::Arc::new(String::new),
        )
        .unwrap();
        let child = ms_supervisor::ChildSpec::actor("admin", move || {
            ms_transport::HttpGateway::new(spec.clone())
        });
        let error = first.root.as_supervisor().start_child(child).await.expect_err("taken");
        let text = format!("{error:?}");
        assert!(
            text.contains(&first.addr.to_string()) && text.contains("choose another port"),
            "{text}"
        );
    });
}

/// S1.3-06
#[test]
fn a_token_is_asked_for_where_there_is_one_and_probes_need_none() {
    on_system(async {
        let token = Token::new("0123456789abcdef").unwrap();
        let bind = Bind { access: Access::Token(token), ..Bind::loopback(0) };
        let rig = rig_at(bind, HttpLimits::default()).await;
        let reply = get(rig.addr, "/api/v1/tree").await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "unauthenticated"));
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        for wrong in [
            "Bearer 0123456789abcdeg",
            "Basic 0123456789abcdef",
            "Bearer",
            "Bearer0123456789abcdef",
        ] {
            let header = format!("Authorization: {wrong}\r\n");
            assert_eq!(
                call(rig.addr, "GET", "/api/v1/tree", &header, "").await.status,
                401,
                "{wrong}"
            );
        }
        // The name of a scheme has no case.
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let right = format!("Authorization: {scheme} 0123456789abcdef\r\n");
            assert_eq!(call(rig.addr, "GET", "/api/v1/tree", &right, "").await.status, 200);
            let twice = format!("{right}Authorization: Bearer another-token-0123\r\n");
            let reply = call(rig.addr, "GET", "/api/v1/tree", &twice, "").await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "malformed-request"));
        }
        assert_eq!(get(rig.addr, "/health/ready").await.status, 200);
    });
}

/// S8.4-01
#[test]
fn a_page_in_a_browser_of_this_machine_gets_nowhere() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let foreign = "Origin: https://evil.example\r\n";
        assert_eq!(
            call(rig.addr, "GET", "/api/v1/tree", foreign, "").await.code(),
            "foreign-origin"
        );
        let ours = format!("Origin: http://localhost:{}\r\n", rig.addr.port());
        assert_eq!(call(rig.addr, "GET", "/api/v1/tree", &ours, "").await.status, 200);
        let mut rebound = Client::to(rig.addr).await;
        rebound.send("GET /api/v1/tree HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
        assert_eq!(rebound.reply().await.status, 403);
    });
}
