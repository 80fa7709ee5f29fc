//! A node in memory, and a raw connection to it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "tests; each file uses its part"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ms_control::proto::NodeInfo;
use ms_control::{ControlServer, Limits, PROTO_VERSION, frame};
use ms_core::ActorPath;
use ms_core::life::Place;
use ms_core::stream::{StreamEvent, StreamKind};
use ms_core::tree::{TreeBuilder, TreeRow};
use ms_ops::ops::{FollowEvents, Info, Inspect, TraceMessages, WalkTree, Why};
use ms_ops::views::{Flat, PlacedEvent};
use ms_ops::{Asked, Desk, OpError, Table};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::{Barrier, Notify};
use tokio::time::sleep;

pub const SECOND: Duration = Duration::from_secs(1);

/// So many calls of `/root/meeting` must be at it together.
pub const MEETING: usize = 30;

/// Answers `info` at once, hangs on `/root/hung`, panics on `/root/bug`,
/// answers far too much on `/root/huge`; streams `since_seq` events, and trees that are none.
pub fn desk() -> Desk {
    desk_with(Arc::default())
}

/// The same; `slow` is told when `/root/slow` was asked.
pub fn desk_with(slow: Arc<Notify>) -> Desk {
    let meeting = Arc::new(Barrier::new(MEETING));
    Desk::builder(Table::standard())
        .provide::<Info, _>(|asked, Info {}| async move { Ok(info(&asked)) })
        .provide::<Why, _>(|_, _| async { Ok(Vec::new()) })
        .provide::<Inspect, _>(move |_, Inspect { path }| {
            inspect(path, Arc::clone(&meeting), Arc::clone(&slow))
        })
        // Rows that make no tree, and none at all.
        .provide_watch::<WalkTree, _>(|_, WalkTree { depth, .. }, sink| async move {
            let rows = if depth == Some(1) { vec![orphan()] } else { Vec::new() };
            let _ = sink.send(rows).await;
            Ok(())
        })
        .provide_watch::<TraceMessages, _>(|_, _, _| async {
            Err(OpError::refused("no traces here"))
        })
        .provide_watch::<FollowEvents, _>(|_, op, sink| async move {
            for seq in 1..=op.since_seq.unwrap_or(3) {
                let kind = StreamKind::gap(seq);
                let event = StreamEvent { seq, at_ms: seq, kind };
                let place = Place { life: None, node: seq, tasks: None };
                if sink.send(Box::new(PlacedEvent { place, event })).await.is_err() {
                    return Ok(());
                }
            }
            if op.follow {
                sink.closed().await;
            }
            Ok(())
        })
        .build()
}

async fn inspect(
    path: ActorPath,
    meeting: Arc<Barrier>,
    slow: Arc<Notify>,
) -> Result<Flat, OpError> {
    match path.name() {
        "hung" => sleep(600 * SECOND).await,
        "slow" => {
            slow.notify_one();
            sleep(SECOND / 2).await;
        }
        "meeting" => {
            meeting.wait().await;
        }
        "bug" => panic!("a bug in the node"),
        "huge" => {
            let mut row = orphan();
            row.level = 0;
            row.status.actor_type = "x".repeat(1 << 20);
            let mut tree = TreeBuilder::default();
            tree.push(row).expect("a root");
            return Ok(Flat(Box::new(tree.finish().expect("a tree"))));
        }
        _ => {}
    }
    Err(OpError::not_found(&path))
}

fn orphan() -> TreeRow {
    let row = json!({
        "level": 1, "id": "a", "supervisor": null, "omitted": 0,
        "status": {
            "path": "/a", "incarnation": 1, "kind": "worker", "tier": "kernel", "actor_type": "T",
            "lifecycle": "running", "restart": null, "restarts": 0,
            "mailbox": {"depth": null, "capacity": null, "overflow": "block", "overflowed": 0,
                "wait_p50_us": null, "wait_p99_us": null, "wait_max_us": null},
            "handling": null, "handled": 0, "busy_us": 0, "arbiter": null, "uptime_ms": null,
            "last_exit": null, "types": [], "marks": [],
        },
    });
    serde_json::from_value(row).expect("a row")
}

/// Says as its pid who asks.
fn info(asked: &Asked) -> NodeInfo {
    let pid = asked.by.pid.and_then(|pid| u32::try_from(pid).ok());
    NodeInfo { node: "fake".into(), pid: pid.unwrap_or(0), ..NodeInfo::default() }
}

pub fn limits() -> Limits {
    Limits { request_deadline: 60 * SECOND, max_response: 1 << 20, ..Limits::default() }
}

/// Limits under which a request may not take long.
pub fn brief() -> Limits {
    Limits { request_deadline: SECOND, longest_deadline: SECOND, ..limits() }
}

/// Limits for tests that wait for them to pass.
pub fn hasty() -> Limits {
    Limits { frame_deadline: SECOND / 2, write_deadline: SECOND / 2, ..limits() }
}

pub async fn node(limits: Limits) -> (ControlServer, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("n.sock");
    let server = ControlServer::bind(&path, desk(), limits).await.expect("binds");
    (server, dir)
}

/// A connection that has said hello.
pub struct Raw(pub UnixStream);

impl Raw {
    pub async fn connect(path: &Path) -> Self {
        Self(UnixStream::connect(path).await.expect("connects"))
    }

    pub async fn greeted(path: &Path) -> Self {
        let mut raw = Self::connect(path).await;
        raw.say(&json!({ "proto": PROTO_VERSION })).await;
        assert_eq!(raw.hear().await["error"], Value::Null);
        raw
    }

    pub async fn say(&mut self, value: &Value) {
        self.bytes(&frame::encode(value, usize::MAX - 4).expect("encodes")).await;
    }

    pub async fn bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("writes");
    }

    pub async fn hear(&mut self) -> Value {
        let frame = frame::read(&mut self.0, usize::MAX).await.expect("a frame");
        serde_json::from_slice(&frame).expect("JSON")
    }

    /// Sends a text as a frame, whatever it is.
    pub async fn frame(&mut self, text: &str) {
        self.bytes(&u32::try_from(text.len()).expect("short").to_be_bytes()).await;
        self.bytes(text.as_bytes()).await;
    }

    /// The error of the next answer, after which the connection must end.
    pub async fn last_error(&mut self) -> Value {
        let said = self.hear().await;
        assert!(frame::read(&mut self.0, usize::MAX).await.is_err(), "closed afterwards");
        let error = [&said["error"], &said["body"]["err"]];
        error.into_iter().find(|error| !error.is_null()).expect("an error").clone()
    }
}
