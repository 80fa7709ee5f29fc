//! A node with a gateway, tasks in memory, and a client that can misbehave.
//!
//! The tasks and the health behind the gateway are not the real ones: this crate does not know those,
//! and its tests want answers that they do not give on demand (a store that is full, cut off or
//! read-only, a call that stands still or panics, a task that is dead by the next line). What is promised
//! of tasks and health is shown with the real ones by `ms-server`: `http_tasks.rs`, `flow.rs`,
//! `health.rs`, `operator.rs`.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests; each file uses its part"
)]

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_rt::System;
use ms_actor::{EventLog, Node, NodeConfig, Ref};
use ms_core::Tick;
use ms_core::task::{
    NewTask, StoreError, Submitted, TaskError, TaskFilter, TaskId, TaskLogEvent, TaskPage,
    TaskState, TaskTime, TaskView, Timings,
};
use ms_ops::ops::{
    CancelTask, GetTask, Interactions, ListTasks, Probe, ProbeKind, RetryTask, SubmitBatch,
    SubmitTask, TaskOutcome,
};
use ms_ops::views::{HealthAnswer, Submittal, TaskResult, TaskTaken};
use ms_ops::{Desk, OpError, codes};
use ms_runtime::logic::interactions::{CallOutcome, InteractionStats};
use ms_runtime::{NodeControl, RunConfig};
use ms_supervisor::{ChildSpec, Root, SupervisorSpec, start_root};

pub use ms_testkit::http::Reply;
use ms_transport::{Api, Bind, GatewaySpec, HttpGateway, HttpLimits, LocalAddr, Serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

pub const TEST_WITHIN: Duration = Duration::from_secs(60);
/// Events about tasks that the log behind the gateway keeps.
pub const KEPT_TASK_EVENTS: usize = 64;

/// Runs a test on an actix system of its own, with a limit.
pub fn on_system<T>(test: impl Future<Output = T>) -> T {
    System::new()
        .block_on(async { tokio::time::timeout(TEST_WITHIN, test).await.expect("in time") })
}

/// What a test can do to the tasks behind the API.
#[derive(Default)]
pub struct Memory {
    tasks: Mutex<BTreeMap<TaskId, (TaskView, NewTask)>>,
    /// Submissions wait here while `hold` is set.
    pub hold: std::sync::atomic::AtomicBool,
    pub entered: Notify,
    pub go: Notify,
    /// Futures of `submit` that were dropped or done.
    pub left: std::sync::atomic::AtomicUsize,
    pub error: Mutex<Option<StoreError>>,
}

struct Leaves<'a>(&'a Memory);
impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Memory {
    pub fn end(&self, id: TaskId, state: TaskState) {
        self.tasks.lock().unwrap().get_mut(&id).unwrap().0.state = state;
    }

    pub fn count(&self) -> usize {
        self.tasks.lock().unwrap().len()
    }

    fn add(&self, mut task: NewTask) -> Result<Submitted, TaskError> {
        let trace = task.trace.take();
        let mut tasks = self.tasks.lock().unwrap();
        if let Some(key) = &task.idempotency_key {
            let known = tasks.values().find(|(view, _)| view.idempotency_key.as_ref() == Some(key));
            match known {
                Some((view, first)) if *first == task => {
                    return Ok(Submitted { view: view.clone(), repeated: true });
                }
                Some((view, _)) => return Err(TaskError::KeyConflict { first: view.id }),
                None => {}
            }
        }
        let id = TaskId::new(uuid::Uuid::now_v7());
        let view = TaskView {
            id,
            queue: task.queue.clone(),
            kind: task.kind.clone(),
            state: TaskState::Pending,
            priority: task.priority,
            assigned_agent: None,
            attempts: 0,
            max_attempts: task.retry.max_attempts,
            interruptions: 0,
            replays: 0,
            timings: Timings { submitted: TaskTime::from_millis(1), ..Timings::default() },
            lease: None,
            failure: None,
            idempotency_key: task.idempotency_key.clone(),
            traceparent: trace,
        };
        tasks.insert(id, (view.clone(), task));
        Ok(Submitted { view, repeated: false })
    }
}

type Answer<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Memory {
    fn submit(
        &self,
        tasks: Vec<NewTask>,
    ) -> Answer<'_, Result<Vec<Result<Submitted, TaskError>>, StoreError>> {
        Box::pin(async move {
            let _leaves = Leaves(self);
            if let Some(error) = self.error.lock().unwrap().clone() {
                return Err(error);
            }
            if tasks.iter().any(|task| task.payload == json!("panic")) {
                panic!("asked to");
            }
            if self.hold.load(std::sync::atomic::Ordering::SeqCst) {
                self.entered.notify_one();
                self.go.notified().await;
            }
            Ok(tasks.into_iter().map(|task| self.add(task)).collect())
        })
    }

    fn get(&self, id: TaskId) -> Answer<'_, Result<Option<TaskView>, StoreError>> {
        let found = self.tasks.lock().unwrap().get(&id).map(|(view, _)| view.clone());
        Box::pin(async { Ok(found) })
    }

    fn result(&self, _: TaskId) -> Answer<'_, Result<Option<Value>, StoreError>> {
        Box::pin(async { Ok(Some(json!({ "answer": 42 }))) })
    }

    fn list(&self, filter: TaskFilter) -> Answer<'_, Result<TaskPage, StoreError>> {
        let tasks = self.tasks.lock().unwrap();
        let limit = if filter.limit == 0 { 100 } else { filter.limit };
        let fits = |view: &&TaskView| {
            filter.state.is_none_or(|state| state == view.state)
                && filter.queue.as_ref().is_none_or(|queue| *queue == view.queue)
                && filter.kind.as_ref().is_none_or(|kind| *kind == view.kind)
                && filter.after.is_none_or(|after| view.id > after)
        };
        let mut found: Vec<_> =
            tasks.values().map(|(view, _)| view).filter(fits).take(limit + 1).cloned().collect();
        let next = (found.len() > limit).then(|| {
            found.pop();
            found.last().unwrap().id
        });
        Box::pin(async move { Ok(TaskPage { tasks: found, next, ..TaskPage::default() }) })
    }

    fn cancel(&self, id: TaskId) -> Answer<'_, Result<Result<TaskView, TaskError>, StoreError>> {
        let mut tasks = self.tasks.lock().unwrap();
        let answer = match tasks.get_mut(&id).map(|(view, _)| view) {
            None => Err(TaskError::NotFound(id)),
            Some(view) if view.state.is_ended() && view.state != TaskState::Cancelled => {
                Err(TaskError::WrongState { id, state: view.state, verb: "cancelled" })
            }
            Some(view) => {
                view.state = TaskState::Cancelled;
                Ok(view.clone())
            }
        };
        Box::pin(async move { Ok(answer) })
    }

    fn retry(&self, id: TaskId) -> Answer<'_, Result<Result<TaskView, TaskError>, StoreError>> {
        let mut tasks = self.tasks.lock().unwrap();
        let answer = match tasks.get_mut(&id).map(|(view, _)| view) {
            None => Err(TaskError::NotFound(id)),
            Some(view) if !matches!(view.state, TaskState::Dead | TaskState::Failed) => {
                Err(TaskError::WrongState { id, state: view.state, verb: "replayed" })
            }
            Some(view) => {
                view.state = TaskState::Pending;
                Ok(view.clone())
            }
        };
        Box::pin(async move { Ok(answer) })
    }
}

/// A desk like that of a service, with these tasks, a health that is good or not as the test says,
/// and two components of which one called the other.
pub fn desk(control: &NodeControl, tasks: &Arc<Memory>, fit: bool) -> Desk {
    let desk = control.desk();
    macro_rules! provide {
        ($($op:ident($memory:ident, $asked:pat) $work:expr;)*) => {$({
            let tasks = Arc::clone(tasks);
            let provided = desk.provide::<$op, _>(move |_, $asked| {
                let $memory = Arc::clone(&tasks);
                async move { $work }
            });
            provided.expect("in the table");
        })*};
    }
    provide! {
        SubmitTask(memory, op) {
            let mut answers = memory.submit(vec![*op.task]).await?;
            Ok(taken(answers.remove(0)?))
        };
        SubmitBatch(memory, op) {
            let answers = memory.submit(op.tasks).await?.into_iter();
            Ok(answers.map(|answer| match answer {
                Ok(submitted) => Submittal::Taken(Box::new(taken(submitted))),
                Err(error) => Submittal::Refused(Box::new(error.into())),
            }).collect())
        };
        GetTask(memory, op) memory.get(op.id).await?.ok_or_else(|| OpError::no_task(op.id));
        ListTasks(memory, op) Ok(memory.list(op.filter).await?);
        CancelTask(memory, op) Ok(memory.cancel(op.id).await??);
        RetryTask(memory, op) Ok(memory.retry(op.id).await??);
        TaskOutcome(memory, op) {
            let task = memory.get(op.id).await?.ok_or_else(|| OpError::no_task(op.id))?;
            if !task.state.is_ended() {
                let what = format!("task {} is {}", op.id, task.state);
                return Err(OpError::new(&codes::NOT_FINISHED, what));
            }
            let success = task.state == TaskState::Completed;
            let output = if success { memory.result(op.id).await? } else { None };
            Ok(TaskResult { success, state: task.state, output, error: None })
        };
        Interactions(_memory, _) {
            let mut stats = InteractionStats::default();
            stats.called(Tick::ZERO, "api", "db", Duration::from_millis(3), CallOutcome::Done);
            Ok(Box::new(stats.metrics(Tick::ZERO)))
        };
        Probe(_memory, op) Ok(HealthAnswer {
            ok: fit || op.probe == ProbeKind::Liveness,
            report: json!({ "probe": op.probe }),
        });
    }
    desk
}

fn taken(Submitted { view, repeated }: Submitted) -> TaskTaken {
    TaskTaken { task: view, repeated }
}

pub struct Rig {
    pub node: Node,
    pub root: Root,
    pub control: NodeControl,
    pub tasks: Arc<Memory>,
    pub task_events: EventLog<TaskLogEvent>,
    pub gateway: Ref<HttpGateway>,
    pub addr: SocketAddr,
}

pub async fn rig(limits: HttpLimits) -> Rig {
    rig_at(Bind::loopback(0), limits).await
}

/// A node whose gateway serves.
pub async fn rig_at(bind: Bind, limits: HttpLimits) -> Rig {
    let rig = closed_rig(bind, limits).await;
    rig.gateway.ask(Serve).within(TEST_WITHIN).await.expect("serves");
    rig
}

/// A node whose gateway is bound and takes no work yet.
pub async fn closed_rig(bind: Bind, limits: HttpLimits) -> Rig {
    rig_with(bind, limits, |spec| spec).await
}

pub async fn rig_with(
    bind: Bind,
    limits: HttpLimits,
    change: impl FnOnce(GatewaySpec) -> GatewaySpec,
) -> Rig {
    let node = Node::boot(NodeConfig { quiet_panics: true, ..NodeConfig::single_arbiter() })
        .expect("boots");
    let root = start_root(
        &node,
        SupervisorSpec::one_for_one("root").intensity(10, Duration::from_secs(60)),
    )
    .await
    .expect("starts");
    let tasks = Arc::<Memory>::default();
    let task_events = EventLog::new(KEPT_TASK_EVENTS);
    let run = RunConfig::new("rig").task_events(task_events.port());
    let control = NodeControl::new(node.clone(), false, run.exposed);
    control.attach(root.as_supervisor().clone());
    let api = Api::new(desk(&control, &tasks, true));
    let spec = change(api.gateway(bind, limits).expect("may be opened"));
    let child = ChildSpec::actor("http", move || HttpGateway::new(spec.clone()));
    root.as_supervisor().start_child(child).await.expect("listens");
    let gateway = root.as_supervisor().get::<HttpGateway>("http").await.expect("there");
    let addr = gateway.ask(LocalAddr).within(TEST_WITHIN).await.expect("answers").expect("bound");
    Rig { node, root, control, tasks, task_events, gateway, addr }
}

pub struct Client(pub TcpStream);

impl Client {
    pub async fn to(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.expect("connects"))
    }

    pub async fn send(&mut self, raw: impl AsRef<[u8]>) {
        // The server may have closed already: what it said is then still to be read.
        let _ = self.0.write_all(raw.as_ref()).await;
    }

    /// Reads the line of the status, and leaves the rest unread.
    pub async fn status(&mut self) -> u16 {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.0.read_u8().await.expect("an answer"));
        }
        let line = String::from_utf8(line).expect("text");
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// Ends the sending half; answers still come.
    pub async fn ends_sending(&mut self) {
        self.0.shutdown().await.expect("open");
    }

    /// Reads one answer with a length.
    pub async fn reply(&mut self) -> Reply {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.0.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&head)),
            }
        }
        let head = String::from_utf8(head).expect("text");
        let mut reply = Reply::with_head(head).expect("a status");
        let mut body = vec![0; reply.length().expect("a number")];
        self.0.read_exact(&mut body).await.expect("the body");
        reply.body = String::from_utf8(body).expect("text");
        reply
    }

    /// Reads until the server closes.
    pub async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
        String::from_utf8_lossy(&rest).into_owned()
    }
}

pub fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length =
        if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{headers}\r\n{body}")
}

pub async fn call(addr: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let mut client = Client::to(addr).await;
    client.send(request(method, path, headers, body)).await;
    client.reply().await
}

pub async fn get(addr: SocketAddr, path: &str) -> Reply {
    call(addr, "GET", path, "", "").await
}

pub async fn post(addr: SocketAddr, path: &str, body: &str) -> Reply {
    call(addr, "POST", path, "Content-Type: application/json\r\n", body).await
}

pub fn task() -> &'static str {
    r#"{"kind":"echo","payload":{"n":1}}"#
}
