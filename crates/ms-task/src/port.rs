//! The port between the dispatcher, which decides about tasks, and the store, which keeps them.
//!
//! The two are on one layer and do not know each other; both know this module. It holds plain data
//! and one trait.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ms_core::ActorPath;
use ms_core::task::{
    AgentKind, FencingToken, NewTask, QueueName, StoreError, Submitted, TaskError, TaskFailure,
    TaskFilter, TaskId, TaskPage, TaskState, TaskTime, TaskView,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::claims::Held;

/// Largest result, step or checkpoint, in bytes of its JSON.
pub const MAX_RESULT: usize = 1024 * 1024;
/// Most steps that one task may journal.
pub const MAX_STEPS: usize = 1_000;
/// Longest name of a step, in bytes.
pub const MAX_STEP_NAME: usize = 128;
/// The future that a store's calls return.
// Boxed: callers share a store as `Arc<dyn TaskStore>`, so its calls cannot be `async fn`.
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// A task and the id it is to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// A fresh id.
    pub id: TaskId,
    /// The task.
    pub task: NewTask,
}

/// A request for tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimSpec {
    /// Most tasks wanted of each queue; others are left alone.
    pub room: BTreeMap<QueueName, usize>,
    /// The agents that are free, by kind; each gets at most one task.
    pub free: BTreeMap<AgentKind, Vec<ActorPath>>,
    /// How long each lease is, unless renewed.
    pub lease: Duration,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Claimed {
    /// The tasks, each with its agent.
    pub assignments: Vec<Assignment>,
    /// How long until a task that waits for a delay may start, if there is one.
    pub next_due: Option<Duration>,
}

/// A task in an agent's hands.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The task; its agent and its lease are set.
    pub view: TaskView,
    /// The token of this assignment.
    pub token: FencingToken,
    /// The input of the agent.
    pub payload: Value,
    /// Longest time of this attempt, in milliseconds, where the task sets one.
    pub attempt_ms: Option<u64>,
    /// The journal of earlier attempts.
    pub journal: Journal,
}

/// Results that earlier attempts of a task left for the present one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Journal {
    /// The results of finished steps, by name.
    pub steps: BTreeMap<String, Value>,
    /// The last checkpoint.
    pub checkpoint: Option<Value>,
}

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq)]
pub enum JournalEntry {
    /// A step has finished with this result.
    Step {
        /// Its name, unique within the task.
        name: String,
        /// Its result.
        value: Value,
    },
    /// This replaces the last checkpoint.
    Checkpoint(Value),
}

/// The end of an attempt, as its agent reports it.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskOutcome {
    /// Done, with this result.
    Completed(Value),
    /// Not done.
    Failed(TaskFailure),
}

/// A command about one task. Commands with a stale token are refused.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskCommand {
    /// Its agent has begun. Not waited for: it may be lost in a power failure.
    Start(TaskId, FencingToken),
    /// Its agent is alive; the lease ends that long after now.
    Renew(TaskId, FencingToken, Duration),
    /// The task did not reach its agent.
    Release(TaskId, FencingToken),
    /// The agent gives the task back, uncounted; it may start again that long after now.
    HandBack(TaskId, FencingToken, Duration),
    /// The attempt has ended.
    Finish(TaskId, FencingToken, TaskOutcome),
    /// The attempt was cut short through no fault of the task.
    Interrupt(TaskId, FencingToken, String),
    /// The agent leaves something for later attempts.
    Journal(TaskId, FencingToken, JournalEntry),
    /// Nobody wants it any more.
    Cancel(TaskId),
    /// It is to be tried again though it failed or is dead.
    Replay(TaskId),
}

impl TaskCommand {
    /// Returns the id of its task.
    #[must_use]
    pub const fn id(&self) -> TaskId {
        match self {
            Self::Start(id, _)
            | Self::Renew(id, ..)
            | Self::Release(id, _)
            | Self::HandBack(id, ..)
            | Self::Finish(id, ..)
            | Self::Interrupt(id, ..)
            | Self::Journal(id, ..)
            | Self::Cancel(id)
            | Self::Replay(id) => *id,
        }
    }
}

/// A task that has ended, and its result.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEnd {
    /// The task; it is in one of the four last states.
    pub view: TaskView,
    /// Its result, if it was completed.
    pub result: Option<Value>,
}

/// The result of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Leases and deadlines that had passed.
    pub expired: usize,
    /// Tasks that ended long ago and were removed.
    pub removed: usize,
    /// How long until there is something to sweep again, if there is anything; zero when this
    /// sweep has left something over. Only what was known at the time: a lease that is given
    /// or a deadline that is set afterwards may be earlier.
    pub next: Option<Duration>,
    /// The store's clock.
    pub now: TaskTime,
}

/// How many tasks there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreStats {
    /// By queue and state; states without tasks are left out.
    pub tasks: BTreeMap<QueueName, BTreeMap<TaskState, u64>>,
    /// Commits that wrote something since the store was opened.
    pub commits: u64,
    /// Requests carried out in them.
    pub requests: u64,
    /// Why nothing can be written at present: the last commit failed, or the one under way
    /// takes long.
    pub trouble: Option<String>,
}

/// A store of tasks.
///
/// Once a future returns `Ok`, its writes survive the end of the process and of the machine; only
/// assignments, starts and renewals may be lost with the power, after which they are void anyway.
/// The inner results are those of the single tasks, in the order they were given; one that is
/// refused does not affect the others.
///
/// # Cancel safety
/// A call whose future is dropped may have been carried out.
pub trait TaskStore: Send + Sync + fmt::Debug + 'static {
    /// Takes new tasks, at most [`MAX_BATCH`](ms_core::task::MAX_BATCH).
    fn submit(&self, tasks: Vec<Submission>) -> StoreFuture<Vec<Result<Submitted, TaskError>>>;

    /// Carries out commands; each returns the task as it is afterwards.
    fn execute(&self, commands: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>>;

    /// Assigns what is next to the agents that are free.
    fn claim(&self, wish: ClaimSpec) -> StoreFuture<Claimed>;

    /// Takes every assigned task from its agent, as interrupted: for a dispatcher that starts and
    /// does not know which agent has which task. Returns how many there were.
    fn take_back(&self, why: String) -> StoreFuture<usize>;

    /// Releases every assigned task but these: for a dispatcher that may have lost the answer to a
    /// claim, and knows all other assignments. Returns how many there were.
    fn release_but(&self, held: Held) -> StoreFuture<usize>;

    /// Applies expired leases and deadlines, and removes what ended long ago.
    fn sweep(&self) -> StoreFuture<Swept>;

    /// Reads one task; `None` if there is none.
    fn get(&self, id: TaskId) -> StoreFuture<Option<TaskView>>;

    /// Reads the request of a task as it was submitted.
    fn request(&self, id: TaskId) -> StoreFuture<Option<NewTask>>;

    /// Reads the result of a completed task.
    fn result(&self, id: TaskId) -> StoreFuture<Option<Value>>;

    /// Reads those of these tasks that have ended, by id, each with its result; at most
    /// [`MAX_PAGE`](ms_core::task::MAX_PAGE) are looked at.
    fn ends(&self, ids: Vec<TaskId>) -> StoreFuture<Vec<TaskEnd>>;

    /// Reads a page of tasks.
    fn list(&self, filter: TaskFilter) -> StoreFuture<TaskPage>;

    /// Counts the tasks.
    fn stats(&self) -> StoreFuture<StoreStats>;

    /// Runs through the path of a write without writing, to find out whether one would succeed now.
    /// For checks of readiness; it does not count as a commit.
    fn touch(&self) -> StoreFuture<()>;
}
