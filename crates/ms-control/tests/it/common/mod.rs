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

use ms_control::proto::{NodeInfo, Reply, Request, StreamItem};
use ms_control::{
    BoxFuture, ControlError, ControlHandler, ControlServer, Limits, PROTO_VERSION, Peer, frame,
};
use ms_core::stream::{StreamEvent, StreamKind};
use ms_core::tree::TreeRow;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::{Barrier, Notify, mpsc};
use tokio::time::sleep;

pub const SECOND: Duration = Duration::from_secs(1);

/// Answers `info` at once, hangs on `/root/hung`, panics on `/root/bug`,
/// answers far too much on `/root/huge`; streams `since_seq` events, and trees that are none.
pub struct Fake {
    /// Told when `/root/slow` was asked.
    pub slow: Notify,
    /// Where calls of `/root/meeting` wait for each other.
    meeting: Barrier,
}

/// So many calls of `/root/meeting` must be at it together.
pub const MEETING: usize = 30;

impl Default for Fake {
    fn default() -> Self {
        Self { slow: Notify::new(), meeting: Barrier::new(MEETING) }
    }
}

impl ControlHandler for Fake {
    fn call(&self, peer: Peer, request: Request) -> BoxFuture<'_, Result<Reply, ControlError>> {
        Box::pin(async move {
            let path = match request {
                Request::Info => return Ok(Reply::Info(info(peer))),
                Request::Why { .. } => return Ok(Reply::Why(Vec::new())),
                Request::Inspect { path } => path,
                other => return Err(ControlError::refused(format!("{other:?}"))),
            };
            match path.name() {
                "hung" => sleep(600 * SECOND).await,
                "slow" => {
                    self.slow.notify_one();
                    sleep(SECOND / 2).await;
                }
                "meeting" => {
                    self.meeting.wait().await;
                }
                "bug" => panic!("a bug in the node"),
                "huge" => {
                    return Ok(Reply::Info(NodeInfo { node: "x".repeat(1 << 20), ..info(peer) }));
                }
                _ => {}
            }
            Err(ControlError::not_found(&path))
        })
    }

    fn stream(
        &self,
        _: Peer,
        request: Request,
        sink: mpsc::Sender<StreamItem>,
    ) -> BoxFuture<'_, Result<(), ControlError>> {
        Box::pin(async move {
            if let Request::Tree { depth, .. } = request {
                // Rows that make no tree, and none at all.
                let rows = if depth == Some(1) { vec![orphan()] } else { Vec::new() };
                let _ = sink.send(StreamItem::Rows(rows)).await;
                return Ok(());
            }
            let Request::Events { since_seq, follow, .. } = request else {
                return Err(ControlError::refused("no traces here"));
            };
            for seq in 1..=since_seq.unwrap_or(3) {
                let kind = StreamKind::gap(seq);
                let event = Box::new(StreamEvent { seq, at_ms: seq, kind });
                if sink.send(StreamItem::Event(event)).await.is_err() {
                    return Ok(());
                }
            }
            if follow {
                sink.closed().await;
            }
            Ok(())
        })
    }
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

fn info(peer: Peer) -> NodeInfo {
    NodeInfo {
        node: "fake".into(),
        pid: peer.pid.unwrap_or(0).unsigned_abs(),
        ..NodeInfo::default()
    }
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
    let server =
        ControlServer::bind(&path, Arc::new(Fake::default()), limits).await.expect("binds");
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

    /// The error of the next answer, after which the connection must end.
    pub async fn last_error(&mut self) -> Value {
        let said = self.hear().await;
        assert!(frame::read(&mut self.0, usize::MAX).await.is_err(), "closed afterwards");
        let error = [&said["error"], &said["body"]["err"]];
        error.into_iter().find(|error| !error.is_null()).expect("an error").clone()
    }
}
