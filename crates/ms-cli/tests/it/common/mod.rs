//! A node in memory on a real socket, and the real `msctl`.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "tests; each file uses its part"
)]

#[path = "../../../src/render/sample.rs"]
pub mod sample;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ms_control::proto::{
    NodeInfo, PsRow, PsTable, Reply, Request, StateView, StatisticsView, Steered, StreamItem,
    TaskShown, TaskTaken, TaskVerb,
};
use ms_control::{BoxFuture, ControlError, ControlHandler, ControlServer, Limits, Peer, codes};
use ms_core::Incarnation;
use ms_core::task::{NewTask, TaskFilter, TaskPage, TaskState, TaskView};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

type Answer = Result<Reply, ControlError>;

/// Shows [`sample`]; hangs on `/root/hung`, is buggy on `/root/bug`, allows no faults.
#[derive(Default)]
pub struct Fake {
    pub steered: Mutex<Vec<String>>,
    /// Tasks that were submitted.
    pub submitted: Mutex<Vec<NewTask>>,
    /// Lists that were asked for.
    pub asked: Mutex<Vec<TaskFilter>>,
}

impl Fake {
    fn answer(&self, request: Request) -> Answer {
        Ok(match request {
            Request::Ps { window_ms, .. } => Reply::Ps(table(window_ms)),
            Request::Inspect { path } => {
                let found = sample::tree().walk().find(|node| node.status.path == path).cloned();
                let found = found.ok_or_else(|| ControlError::not_found(&path));
                Reply::Inspect(Box::new(found?))
            }
            Request::State { path } => {
                let state = serde_json::json!({ "seen": 3 });
                Reply::State(StateView { path, incarnation: Incarnation(1), state })
            }
            Request::Why { path, .. } => Reply::Why(match path.name() {
                "auditor-3" => vec![sample::why(), sample::gave_up()],
                _ => Vec::new(),
            }),
            Request::Statistics { path, on } => Reply::Statistics(StatisticsView {
                path,
                on: on.unwrap_or(false),
                for_ms: None,
                handled: 3,
                busy_us: 4,
                types: Vec::new(),
            }),
            Request::DryRun { path, .. } => Reply::DryRun(sample::blast(&path)),
            Request::Steer { path, verb, reason } => {
                let mut steered = self.steered.lock().expect("not poisoned");
                steered.push(format!("{verb} {path} {reason:?}"));
                Reply::Steered(Steered { path, verb, outcome: "done".into() })
            }
            Request::Budget { path } => Reply::Budget(match path.name() {
                "auditors" => vec![sample::over_budget()],
                _ => Vec::new(),
            }),
            Request::Lookup { name } if name == "store" => Reply::Found(sample::found(&name)),
            Request::Lookup { name } => {
                let error = ControlError::new(&codes::NO_NAME, format!("nobody is {name}"));
                return Err(error.next("did you mean \"store\"?"));
            }
            Request::Tasks { filter } => {
                self.asked.lock().expect("not poisoned").push(filter.clone());
                let wanted = filter.state.is_none_or(|state| state == TaskState::Dead);
                let first = filter.after.is_none();
                // Two pages of one dead letter each.
                let other = "01a20de1-fe43-7694-b430-621455741179".parse().expect("a UUID");
                let id = if first { sample::task().id } else { other };
                let tasks = wanted.then(|| TaskView { id, ..sample::task() }).into_iter().collect();
                let next = (wanted && first).then_some(id);
                Reply::Tasks(TaskPage { tasks, next, ..TaskPage::default() })
            }
            Request::Task { id } if id == sample::task().id => {
                Reply::Task(Box::new(TaskShown { task: sample::task(), result: None }))
            }
            Request::Task { id } => {
                return Err(ControlError::new(&codes::NO_TASK, format!("there is no task {id}")));
            }
            Request::SubmitTask { task } => {
                let repeated = task.idempotency_key.is_some();
                self.submitted.lock().expect("not poisoned").push(*task);
                Reply::TaskTaken(Box::new(TaskTaken { task: sample::task(), repeated }))
            }
            Request::SteerTask { id, verb, reason } => {
                let mut steered = self.steered.lock().expect("not poisoned");
                steered.push(format!("{verb} {id} {reason:?}"));
                if reason.as_deref() == Some("refuse") {
                    return Err(ControlError::new(&codes::TASK_REFUSED, "it has ended"));
                }
                let state = match verb {
                    TaskVerb::Cancel => TaskState::Cancelled,
                    TaskVerb::Retry => TaskState::Pending,
                };
                Reply::TaskSteered(Box::new(TaskView { id, state, ..sample::task() }))
            }
            Request::Info => Reply::Info(NodeInfo { node: "fake".into(), ..NodeInfo::default() }),
            _ => return Err(ControlError::refused("this node allows no faults")),
        })
    }
}

impl ControlHandler for Fake {
    fn call(&self, _: Peer, request: Request) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            match &request {
                Request::Inspect { path } | Request::DryRun { path, .. }
                    if path.name() == "hung" =>
                {
                    std::future::pending().await
                }
                Request::Inspect { path } if path.name() == "bug" => panic!("a bug in the node"),
                _ => self.answer(request),
            }
        })
    }

    fn stream(
        &self,
        _: Peer,
        request: Request,
        sink: mpsc::Sender<StreamItem>,
    ) -> BoxFuture<'_, Result<(), ControlError>> {
        Box::pin(async move {
            let items: Vec<StreamItem> = match request {
                Request::Tree { .. } => {
                    let rows: Vec<_> = ms_core::tree::rows(&sample::tree()).collect();
                    rows.chunks(3).map(|rows| StreamItem::Rows(rows.to_vec())).collect()
                }
                Request::Trace { .. } => {
                    sample::traces().into_iter().map(StreamItem::Trace).collect()
                }
                Request::Events { filter, .. } => {
                    let events = sample::events().into_iter();
                    let wanted = events.filter(|event| filter.takes(&event.kind));
                    wanted.map(Box::new).map(StreamItem::Event).collect()
                }
                _ => sample::events().into_iter().map(Box::new).map(StreamItem::Event).collect(),
            };
            for item in items {
                let _ = sink.send(item).await;
            }
            if let Request::Events { follow: true, .. } = request {
                sink.closed().await;
            }
            Ok(())
        })
    }
}

fn table(window_ms: u64) -> PsTable {
    let row = |status| PsRow { status, busy_us: Some(10), handled: Some(5) };
    let rows: Vec<_> = sample::tree().walk().map(|node| row(node.status.clone())).collect();
    PsTable { window_ms, total: rows.len(), rows }
}

/// A running node; its directory is what `XDG_RUNTIME_DIR` should be.
pub struct Node {
    pub fake: Arc<Fake>,
    pub home: TempDir,
    pub socket: PathBuf,
    servers: Vec<ControlServer>,
    runtime: Runtime,
}

impl Node {
    pub fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let mut node = Self {
            fake: Arc::default(),
            home,
            socket: PathBuf::new(),
            servers: Vec::new(),
            runtime,
        };
        node.socket = node.serve("demo");
        node
    }

    /// Serves the same node on one more socket in the default directory.
    pub fn serve(&mut self, name: &str) -> PathBuf {
        let directory = Some(self.home.path().join("ms-framework"));
        let places = ms_control::discover::Places { control: None, directory };
        let socket = places.socket_of(name).expect("a place");
        let limits = Limits { request_deadline: Duration::from_millis(500), ..Limits::default() };
        let server = ControlServer::bind(&socket, self.fake.clone(), limits);
        self.servers.push(self.runtime.block_on(server).expect("binds"));
        socket
    }

    /// `msctl` against this node.
    pub fn msctl(&self, args: &[&str]) -> Run {
        self.with_input(args, "")
    }

    pub fn with_input(&self, args: &[&str], input: &str) -> Run {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().expect("starts");
        // It may have ended without reading.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        Run::of(child.wait_with_output().expect("ends"))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        command(self.home.path(), args)
    }

    pub fn steered(&self) -> Vec<String> {
        self.fake.steered.lock().expect("not poisoned").clone()
    }
}

/// `msctl` with nothing in its environment but a runtime directory.
pub fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_msctl"));
    command.args(args).env_clear().env("XDG_RUNTIME_DIR", home);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn run(mut command: Command) -> Run {
    Run::of(command.output().expect("runs"))
}

/// What one run of `msctl` came to.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Its output, when it went well and said nothing else.
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }

    /// It failed with `code`, and said `text` on stderr and nothing on stdout.
    pub fn fails(&self, code: i32, text: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        assert!(self.err.contains(text), "{text:?} in {}", self.err);
    }
}
