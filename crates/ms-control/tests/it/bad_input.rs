//! Whatever arrives on the socket: a clear, typed error, and the node goes on.
#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use common::{Raw, SECOND, brief, hasty, limits, node};
use ms_control::{Client, Kind, Limits};
use ms_ops::ops::Info;
use serde_json::json;
use tokio::io::AsyncWriteExt;

async fn still_answers(path: &std::path::Path) {
    let mut client = Client::connect(path, 60 * SECOND).await.expect("connects");
    client.info().await.expect("answers");
}

#[tokio::test]
async fn another_version_is_refused_with_both_versions() {
    let (server, _dir) = node(limits()).await;
    let later = [
        (json!({"proto": 999, "new": [1]}), "protocol 999, the node speaks 3"),
        (json!({"proto": 3, "schema": 999}), "schema 999, the node speaks 1"),
    ];
    for (hello, both) in later {
        let mut raw = Raw::connect(server.path()).await;
        raw.say(&hello).await;
        let error = raw.last_error().await;
        assert_eq!(error["kind"], "version_mismatch");
        assert_eq!(error["code"], "MS0016");
        let what = error["what"].as_str().expect("text");
        assert!(what.contains(both), "{what}");
    }
    still_answers(server.path()).await;
}

#[tokio::test]
async fn malformed_requests_are_refused_and_the_connection_closed() {
    let (server, _dir) = node(limits()).await;
    let deep = format!(r#"{{"id":1,"request":{}1{}}}"#, "[".repeat(9000), "]".repeat(9000));
    for bad in [
        "not json",
        "",
        "null",
        "[7]",
        r#"{"request":{"do":"node.info"}}"#,
        r#"{"id":-1,"request":{"do":"node.info"}}"#,
        r#"{"id":1,"id":2,"request":{"do":"node.info"}}"#,
        &deep,
    ] {
        let mut raw = Raw::greeted(server.path()).await;
        raw.frame(bad).await;
        let error = raw.last_error().await;
        assert_eq!((&error["kind"], &error["code"]), (&json!("bad_request"), &json!("MS0014")));
    }
    still_answers(server.path()).await;
}

/// Whoever sends several calls must learn which of them was wrong, and need not connect again.
#[tokio::test]
async fn a_wrong_call_with_a_number_is_answered_with_it_and_the_connection_goes_on() {
    let (server, _dir) = node(limits()).await;
    let mut raw = Raw::greeted(server.path()).await;
    for (id, (code, rest)) in [
        ("MS0032", r#""request":{"do":"no.such"}"#),
        ("MS0014", r#""request":{"do":"tree.walk","depht":1}"#),
        ("MS0014", r#""request":{"do":"actors.inspect"}"#),
        ("MS0014", r#""request":{"do":"actors.inspect","path":7}"#),
        ("MS0014", r#""request":{"do":"actors.inspect","path":"/root/../x"}"#),
        ("MS0014", r#""request":{"path":"/root"}"#),
        ("MS0014", r#""request":"node.info""#),
        ("MS0014", r#""role":"admin","request":{"do":"node.info"}"#),
        ("MS0014", r#""deadline_ms":"soon","request":{"do":"node.info"}"#),
        ("MS0014", r#""deadline_ms":0,"request":{"do":"node.info"}"#),
        ("MS0014", r#""do":"node.info""#),
    ]
    .into_iter()
    .enumerate()
    {
        raw.frame(&format!(r#"{{"id":{id},{rest}}}"#)).await;
        let said = raw.hear().await;
        assert_eq!(said["id"], id, "{rest}: {said}");
        let error = &said["body"]["err"];
        assert_eq!(
            (&error["kind"], &error["code"]),
            (&json!("bad_request"), &json!(code)),
            "{rest}"
        );
    }
    raw.say(&json!({"id": 99, "request": {"do": "node.info"}})).await;
    let said = raw.hear().await;
    assert_eq!(said["id"], 99);
    assert!(said["body"]["ok"].is_object(), "{said}");
}

#[tokio::test]
async fn an_oversized_frame_is_refused_without_being_read() {
    let (server, _dir) = node(limits()).await;
    for len in [327_681, u32::MAX] {
        let mut raw = Raw::greeted(server.path()).await;
        raw.bytes(&len.to_be_bytes()).await;
        let error = raw.last_error().await;
        assert_eq!((&error["kind"], &error["code"]), (&json!("too_large"), &json!("MS0015")));
        assert!(error["what"].as_str().expect("text").contains("327680"), "{error}");
    }
    still_answers(server.path()).await;
}

#[tokio::test]
async fn half_a_frame_is_timed_out_or_reported() {
    let (server, _dir) = node(hasty()).await;
    for part in [&[0u8, 0][..], &[0, 0, 0, 9, b'{']] {
        let mut raw = Raw::greeted(server.path()).await;
        raw.bytes(part).await;
        assert_eq!(raw.last_error().await["kind"], "timed_out");
        let mut raw = Raw::greeted(server.path()).await;
        raw.bytes(part).await;
        raw.0.shutdown().await.expect("ends its side");
        assert_eq!(raw.last_error().await["kind"], "bad_request");
    }
    let mut silent = Raw::connect(server.path()).await;
    assert_eq!(silent.last_error().await["kind"], "timed_out", "a hello must come");
    still_answers(server.path()).await;
}

#[tokio::test]
async fn values_over_their_limits_are_refused_and_the_connection_goes_on() {
    let (server, _dir) = node(limits()).await;
    let mut client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
    let error = client.tree(None, Some(1000)).await.expect_err("too deep");
    assert_eq!(error.kind, Kind::BadRequest, "{error}");
    client.info().await.expect("answers on the same connection");
}

#[tokio::test]
async fn an_answer_over_its_limit_is_an_error_not_a_cut() {
    let (server, _dir) = node(limits()).await;
    let mut client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
    let path = ms_core::ActorPath::new("/root/huge").expect("valid");
    let error = client.inspect(path).await.expect_err("too large");
    assert_eq!(error.kind, Kind::TooLarge, "{error}");
    client.info().await.expect("answers on the same connection");
}

#[tokio::test]
async fn a_handler_that_hangs_or_panics_is_an_answer_too() {
    let (server, _dir) = node(brief()).await;
    let mut client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
    for (name, kind) in [("hung", Kind::TimedOut), ("bug", Kind::Internal)] {
        let path = ms_core::ActorPath::new(format!("/root/{name}")).expect("valid");
        let error = client.inspect(path).await.expect_err(name);
        assert_eq!(error.kind, kind, "{error}");
    }
    client.info().await.expect("answers on the same connection");
}

#[tokio::test]
async fn the_65th_connection_is_refused_and_a_freed_place_is_taken() {
    let (server, _dir) = node(limits()).await;
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(Client::connect(server.path(), 60 * SECOND).await.expect("there is room"));
    }
    let error = Client::connect(server.path(), 60 * SECOND).await.expect_err("full");
    assert_eq!((error.code.as_ref(), error.kind), ("MS0022", Kind::Refused), "{error}");
    held.pop();
    let until = std::time::Instant::now() + 60 * SECOND;
    while let Err(error) = Client::connect(server.path(), 60 * SECOND).await {
        assert!(std::time::Instant::now() < until, "{error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let (server, _dir) = node(Limits { max_connections: 1, ..hasty() }).await;
    let mut raw = Raw::greeted(server.path()).await;
    raw.say(&json!({"id": 1, "request": {"do": "events.follow", "since_seq": 10_000_000}})).await;
    // Not reading: the socket's buffer fills, the write deadline passes, the place is free.
    let until = std::time::Instant::now() + 60 * SECOND;
    while Client::connect(server.path(), 60 * SECOND).await.is_err() {
        assert!(std::time::Instant::now() < until, "still held");
        tokio::time::sleep(SECOND / 20).await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (server, _dir) = node(Limits { idle_deadline: SECOND / 2, ..limits() }).await;
    let mut client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
    // The later connection is told later: then the first has been, too.
    let mut raw = Raw::greeted(server.path()).await;
    assert_eq!(raw.last_error().await["kind"], "timed_out");
    let error = client.call(Info {}).await.expect_err("closed");
    assert_eq!(error.kind, Kind::TimedOut, "{error}");
    let error = client.call(Info {}).await.expect_err("lost");
    assert_eq!(error.kind, Kind::Unreachable, "{error}");
}
