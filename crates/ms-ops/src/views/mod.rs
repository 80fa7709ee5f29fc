//! The answers of a node that are not views of `ms-core`.

mod flat;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ms_core::life::Place;
use ms_core::stream::StreamEvent;
use ms_core::task::{TaskState, TaskView};
use ms_core::view::{ActorStatus, Lifecycle, TreeNode, TypeCount};
use ms_core::{ActorPath, Incarnation, NodeLife};
use serde::{Deserialize, Serialize};

use crate::error::OpError;
use crate::ops::{Fault, PsSort, Verb};

/// A tree that travels as a flat list of its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flat(#[serde(with = "flat")] pub Box<TreeNode>);

/// An event with its place, from which a reader resumes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlacedEvent {
    /// The place behind it. It passes over events that the reader's filter leaves out.
    pub place: Place,
    /// The event.
    #[serde(flatten)]
    pub event: StreamEvent,
}

/// The holder of a name, or the provider of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The name.
    pub name: String,
    /// The type it is handed out as, where it is the key of a service.
    pub provides: Option<String>,
    /// The actor.
    pub path: ActorPath,
    /// Its live incarnation; null while it restarts.
    pub incarnation: Option<Incarnation>,
    /// Its state of life.
    pub lifecycle: Lifecycle,
    /// The groups it is in, sorted.
    pub groups: Vec<String>,
}

/// A durable task with its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskDetails {
    /// The task.
    pub task: TaskView,
    /// Its result, if it was completed.
    pub result: Option<serde_json::Value>,
}

/// A durable task that is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskTaken {
    /// The task.
    pub task: TaskView,
    /// True when its idempotency key was known: this is the first task, and no other was created.
    pub repeated: bool,
}

/// All actors with their work within a window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PsTable {
    /// Length of the window that was measured.
    pub window_ms: u64,
    /// Actors before `top` was applied.
    pub total: usize,
    /// One row per actor.
    pub rows: Vec<PsRow>,
}

impl PsTable {
    /// Sorts the rows, most first and then by path, and keeps `top` of them.
    pub fn arrange(&mut self, sort: PsSort, top: Option<usize>) {
        // Paths break ties, so that a table of idle actors does not jump about from look to look.
        self.rows.sort_by_cached_key(|row| (Reverse(row.key(sort)), row.status.path.clone()));
        self.rows.truncate(top.unwrap_or(usize::MAX));
    }
}

/// One actor and its work within the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PsRow {
    /// The actor at the end of the window.
    pub status: ActorStatus,
    /// Time spent in handlers within the window.
    pub busy_us: Option<u64>,
    /// Messages handled within the window.
    pub handled: Option<u64>,
}

impl PsRow {
    fn key(&self, sort: PsSort) -> Option<u64> {
        match sort {
            // `None` is less than any number, so actors of which nothing is known come last.
            PsSort::Busy => self.busy_us,
            PsSort::Wait => self.status.mailbox.wait_p99_us,
            PsSort::Queue => self.status.mailbox.depth,
            PsSort::Restarts => Some(self.status.restarts),
        }
    }
}

/// The state an actor discloses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateView {
    /// Which actor.
    pub path: ActorPath,
    /// Which start of it.
    pub incarnation: Incarnation,
    /// Its redacted state; null when it discloses none.
    pub state: serde_json::Value,
}

/// The counts of one actor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsView {
    /// Which actor.
    pub path: ActorPath,
    /// Whether it counts by type now.
    pub on: bool,
    /// The time it has counted for.
    pub for_ms: Option<u64>,
    /// Messages handled in that time.
    pub handled: u64,
    /// Time spent in handlers in that time.
    pub busy_us: u64,
    /// Counts by message type, most frequent first.
    pub types: Vec<TypeCount>,
}

/// A steering verb that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steered {
    /// Which actor.
    pub path: ActorPath,
    /// Which verb.
    pub verb: Verb,
    /// The outcome in words: `restarted as #4`.
    pub outcome: String,
}

/// A fault that was injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injected {
    /// Which actor.
    pub path: ActorPath,
    /// Which fault.
    pub fault: Fault,
}

/// The node itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its name.
    pub node: String,
    /// Its process.
    pub pid: u32,
    /// The version of the framework it was built with.
    pub version: String,
    /// The life of the node, with which numbers of events and incarnations begin anew.
    #[serde(default)]
    pub life: Option<NodeLife>,
    /// Since its boot.
    pub uptime_ms: u64,
    /// Actors in the tree.
    pub actors: u64,
    /// Automatic restarts since the boot.
    pub restarts: u64,
    /// Messages that reached nobody.
    pub dead_letters: u64,
    /// Arbiters (threads) that carry actors.
    pub arbiters: u32,
    /// Arbiters given up as wedged.
    pub wedged: u32,
    /// Inspections served.
    pub inspections: u64,
    /// Time spent on inspections.
    pub inspection_us: u64,
    /// Whether [`crate::ops::Inject`] is allowed.
    pub faults_allowed: bool,
    /// Further counters by name.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
}

/// A registered name, or a service under its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The name.
    pub name: String,
    /// The type it is handed out as, where it is the key of a service; null for a bare name.
    pub provides: Option<String>,
    /// The actor behind it.
    pub path: ActorPath,
    /// Its live incarnation; null while it restarts.
    pub incarnation: Option<Incarnation>,
    /// `healthy`, `unknown`, `degraded` or `unhealthy`, as its component reports it; never better
    /// than the actor's own state of life allows.
    pub health: String,
    /// The groups it is in.
    pub groups: Vec<String>,
}

/// The outcome of one task of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Submittal {
    /// It is on disk.
    Taken(Box<TaskTaken>),
    /// It was refused.
    Refused(Box<OpError>),
}

/// The end of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// Whether it was completed.
    pub success: bool,
    /// Its state.
    pub state: TaskState,
    /// The agent's result, when it was completed.
    pub output: Option<serde_json::Value>,
    /// Why it was not, otherwise.
    pub error: Option<String>,
}

/// The open resources of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenResources {
    /// Files, locks and listeners, in the order in which they were opened.
    pub open: Vec<String>,
}

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthAnswer {
    /// Whether the answer to its question is yes.
    pub ok: bool,
    /// The report.
    pub report: serde_json::Value,
}
