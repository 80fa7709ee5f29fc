//! A peer that says by script what a real node cannot be made to say when a test wants it:
//!
//! - it never answers a dry run, and carries the verb out all the same: a real node whose
//!   supervisor hangs would not be able to carry it out either;
//! - its handler panics: no request is known that a real one panics over;
//! - it speaks another version, or no protocol at all ([`impostor`]).
//!
//! Everything else is asked of a real node (`node/`).

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ms_control::proto::{Reply, Request, Steered, StreamItem};
use ms_control::{BoxFuture, ControlError, ControlHandler, ControlServer, Limits, Peer};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// How long the peer takes at most to say that it is late.
const DEADLINE: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Script {
    steered: Mutex<Vec<String>>,
}

impl ControlHandler for Script {
    fn call(&self, _: Peer, request: Request) -> BoxFuture<'_, Result<Reply, ControlError>> {
        Box::pin(async move {
            match request {
                Request::DryRun { .. } => std::future::pending().await,
                Request::Inspect { .. } => panic!("a bug in the node"),
                Request::Steer { path, verb, reason } => {
                    let mut steered = self.steered.lock().expect("not poisoned");
                    steered.push(format!("{verb} {path} {reason:?}"));
                    Ok(Reply::Steered(Steered { path, verb, outcome: "done".into() }))
                }
                other => Err(ControlError::refused(format!("not in the script: {other:?}"))),
            }
        })
    }

    fn stream(
        &self,
        _: Peer,
        request: Request,
        _: mpsc::Sender<StreamItem>,
    ) -> BoxFuture<'_, Result<(), ControlError>> {
        Box::pin(
            async move { Err(ControlError::refused(format!("not in the script: {request:?}"))) },
        )
    }
}

/// The scripted peer on a real socket.
pub struct Scripted {
    script: Arc<Script>,
    home: TempDir,
    _server: ControlServer,
    _runtime: Runtime,
}

impl Scripted {
    pub fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let script = Arc::<Script>::default();
        let limits =
            Limits { request_deadline: DEADLINE, longest_deadline: DEADLINE, ..Limits::default() };
        let socket = home.path().join("n.sock");
        let server = ControlServer::bind(&socket, script.clone(), limits);
        let server = runtime.block_on(server).expect("binds");
        Self { script, home, _server: server, _runtime: runtime }
    }

    /// `msctl` against this peer.
    pub fn msctl(&self, args: &[&str]) -> super::Run {
        let socket = self.home.path().join("n.sock");
        let at = ["--control", socket.to_str().expect("UTF-8")];
        super::run(super::command(self.home.path(), &[args, &at].concat()))
    }

    pub fn steered(&self) -> Vec<String> {
        self.script.steered.lock().expect("not poisoned").clone()
    }
}

/// A listener that answers the first frame with `reply`.
pub fn impostor(reply: &'static str) -> (TempDir, PathBuf, thread::JoinHandle<()>) {
    let home = tempfile::tempdir().expect("a directory");
    let socket = home.path().join("n.sock");
    let listener = UnixListener::bind(&socket).expect("binds");
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        let mut len = [0; 4];
        stream.read_exact(&mut len).expect("a length");
        let mut hello = vec![0; u32::from_be_bytes(len) as usize];
        stream.read_exact(&mut hello).expect("a hello");
        let len = u32::try_from(reply.len()).expect("short").to_be_bytes();
        stream.write_all(&[&len, reply.as_bytes()].concat()).expect("writes");
    });
    (home, socket, answering)
}
