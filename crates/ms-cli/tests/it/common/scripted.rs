//! A peer that answers by script what a real node cannot be made to answer when a test wants it:
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

use ms_control::{ControlServer, Limits};
use ms_ops::ops::{DryRun, Inspect, SteerActor};
use ms_ops::views::Steered;
use ms_ops::{Desk, Table};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The time after which the peer reports that it is late.
const DEADLINE: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Script {
    steered: Mutex<Vec<String>>,
}

fn desk(script: &Arc<Script>) -> Desk {
    let script = Arc::clone(script);
    Desk::builder(Table::standard())
        .provide::<DryRun, _>(|_, _| std::future::pending())
        .provide::<Inspect, _>(|_, _| async { panic!("a bug in the node") })
        .provide::<SteerActor, _>(move |_, SteerActor { path, verb, reason, .. }| {
            let mut steered = script.steered.lock().expect("not poisoned");
            steered.push(format!("{verb} {path} {reason:?}"));
            async move { Ok(Steered { path, verb, outcome: "done".into() }) }
        })
        .build()
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
        let server = ControlServer::bind(&socket, desk(&script), limits);
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
