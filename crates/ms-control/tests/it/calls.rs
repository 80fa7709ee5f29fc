//! Calls and streams between the real client and the real server.
#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::{MEETING, SECOND, brief, limits, node};
use ms_control::{Client, Kind, Limits};
use ms_core::ActorPath;
use ms_ops::ops::{FollowEvents, Inspect, TraceMessages};

fn path(text: &str) -> ActorPath {
    ActorPath::new(text).expect("valid")
}

#[tokio::test]
async fn the_node_knows_who_asks() {
    let (server, _dir) = node(limits()).await;
    let mut client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
    assert_eq!(client.info().await.expect("answers").pid, std::process::id());
}

#[tokio::test]
async fn calls_of_many_connections_do_not_wait_for_each_other() {
    // Half of the calls end when all of that half are at it, and not before.
    let (server, _dir) = node(limits()).await;
    let mut calls = Vec::new();
    for at in 0..2 * MEETING {
        let socket = server.path().to_owned();
        calls.push(tokio::spawn(async move {
            let mut client = Client::connect(&socket, 60 * SECOND).await.expect("connects");
            match at % 2 {
                0 => client.info().await.map(drop),
                _ => client.inspect(path("/root/meeting")).await.map(drop),
            }
        }));
    }
    for (at, call) in calls.into_iter().enumerate() {
        match call.await.expect("no panic") {
            Ok(()) => assert_eq!(at % 2, 0),
            Err(error) => assert_eq!((at % 2, error.kind), (1, Kind::NotFound), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_last_item() {
    let (server, _dir) = node(limits()).await;
    for count in [0, 3, 2000] {
        let client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
        let request =
            FollowEvents { follow: false, since_seq: Some(count), ..FollowEvents::default() };
        let mut items = client.stream(request).await.expect("starts");
        let mut seen = 0;
        while let Some(item) = items.next().await {
            let event = item.expect("an item").event;
            seen += 1;
            assert_eq!(event.seq, seen);
        }
        assert_eq!(seen, count);
    }
}

#[tokio::test]
async fn a_failed_stream_says_why() {
    let (server, _dir) = node(limits()).await;
    let client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
    let request = TraceMessages { path: path("/root"), max: 1, for_ms: 1 };
    let mut items = client.stream(request).await.expect("starts");
    let error = items.next().await.expect("an item").expect_err("an error");
    assert_eq!(error.kind, Kind::Refused, "{error}");
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn rows_that_make_no_tree_are_a_fault_of_the_node() {
    let (server, _dir) = node(limits()).await;
    for depth in [Some(1), Some(2)] {
        let mut client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
        let error = client.tree(None, depth).await.expect_err("no tree");
        assert_eq!(error.kind, Kind::Internal, "{error}");
    }
}

#[tokio::test]
async fn a_followed_stream_goes_on_until_the_node_stops() {
    let (server, _dir) = node(brief()).await;
    let client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
    let request = FollowEvents { follow: true, since_seq: Some(1), ..FollowEvents::default() };
    let mut items = client.stream(request).await.expect("starts");
    items.next().await.expect("one").expect("an event");
    // Longer than a request may take, and than the stream's own keepalive.
    assert!(tokio::time::timeout(6 * SECOND, items.next()).await.is_err(), "still open");
    server.stop().await;
    let error = items.next().await.expect("an end").expect_err("stopped");
    assert_eq!(error.kind, Kind::Unreachable, "{error}");
}

/// What the message of a request that took too long advises.
#[tokio::test]
async fn a_request_may_ask_for_more_time_than_one_that_asks_for_none_gets() {
    let usual = Limits { request_deadline: Duration::from_millis(1), ..limits() };
    let (server, _dir) = node(usual).await;
    let mut client = Client::connect(server.path(), 60 * SECOND).await.expect("connects");
    let request = Inspect { path: path("/root/slow") };
    let error = client.call(request).await.expect_err("nobody there");
    assert_eq!(error.kind, Kind::NotFound, "it was waited for: {error}");
}
