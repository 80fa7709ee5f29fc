//! The port between those who decide about tasks and those who keep them.
//!
//! The dispatcher and the store are of one layer and do not know each other; both know
//! this. Everything here is plain data and one trait.

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
/// What a store's calls give.
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// A task and the id it is to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// A fresh id.
    pub id: TaskId,
    /// The task.
    pub task: NewTask,
}

/// A wish for tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimSpec {
    /// Most tasks wanted of each queue; others are left alone.
    pub room: BTreeMap<QueueName, usize>,
    /// The agents that are free, by kind; each gets at most one task.
    pub free: BTreeMap<AgentKind, Vec<ActorPath>>,
    /// How long each lease is, unless renewed.
    pub lease: Duration,
}

/// What a claim brought.
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
    /// What the agent is given.
    pub payload: Value,
    /// Longest time of this attempt, in milliseconds, where the task says so.
    pub attempt_ms: Option<u64>,
    /// What earlier attempts have left.
    pub journal: Journal,
}

/// What earlier attempts of a task have left for the present one.
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

/// How an attempt ended, as its agent says.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskOutcome {
    /// Done, with this result.
    Completed(Value),
    /// Not done.
    Failed(TaskFailure),
}

/// Something to be done with one task. Those with a token are refused when it is stale.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskCommand {
    /// Its agent has begun. Not waited for: it may be lost in a power failure.
    Start(TaskId, FencingToken),
    /// Its agent is alive; the lease ends that long after now.
    Renew(TaskId, FencingToken, Duration),
    /// The agent could not be given the task.
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
    /// Which task it is about.
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

/// A task that has ended, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEnd {
    /// The task; it is in one of the four last states.
    pub view: TaskView,
    /// Its result, if it was completed.
    pub result: Option<Value>,
}

/// What a sweep did.
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

/// Whoever keeps tasks.
///
/// What a future that gives `Ok` has written survives the end of the process, and that of
/// the machine too; only assignments, starts and renewals may be lost with the power, after
/// which they are void anyway. The inner results are those of the single tasks, in
/// the order they were given; one that is refused does not concern the others.
///
/// # Cancel safety
/// A call whose future is dropped may have been carried out.
pub trait TaskStore: Send + Sync + fmt::Debug + 'static {
    /// Takes new tasks, at most [`MAX_BATCH`](ms_core::task::MAX_BATCH).
    fn submit(&self, tasks: Vec<Submission>) -> StoreFuture<Vec<Result<Submitted, TaskError>>>;

    /// Carries out commands; each gives the task as it is afterwards.
    fn execute(&self, commands: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>>;

    /// Assigns what is next to the agents that are free.
    fn claim(&self, wish: ClaimSpec) -> StoreFuture<Claimed>;

    /// Takes every assigned task from its agent, as interrupted: for a dispatcher that
    /// starts and does not know who has what. Gives how many there were.
    fn take_back(&self, why: String) -> StoreFuture<usize>;

    /// Releases every assigned task but these: for a dispatcher that may have lost the answer
    /// to a claim, and knows of all others. Gives how many there were.
    fn release_but(&self, held: Held) -> StoreFuture<usize>;

    /// Applies expired leases and deadlines, and removes what ended long ago.
    fn sweep(&self) -> StoreFuture<Swept>;

    /// One task; `None` if there is none.
    fn get(&self, id: TaskId) -> StoreFuture<Option<TaskView>>;

    /// The request of a task as it was submitted.
    fn request(&self, id: TaskId) -> StoreFuture<Option<NewTask>>;

    /// The result of a completed task.
    fn result(&self, id: TaskId) -> StoreFuture<Option<Value>>;

    /// Those of these tasks that have ended, by id, each with its result; at most
    /// [`MAX_PAGE`](ms_core::task::MAX_PAGE) are looked at.
    fn ends(&self, ids: Vec<TaskId>) -> StoreFuture<Vec<TaskEnd>>;

    /// A page of tasks.
    fn list(&self, filter: TaskFilter) -> StoreFuture<TaskPage>;

    /// Counts.
    fn stats(&self) -> StoreFuture<StoreStats>;

    /// Writes nothing, by the way a write takes: whether one could be carried out now. For
    /// checks of readiness; it counts as no commit.
    fn touch(&self) -> StoreFuture<()>;
}
