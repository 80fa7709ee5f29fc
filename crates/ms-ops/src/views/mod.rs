//! What a node answers, beside the views of `ms-core`.

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

/// Who has a name, or provides a service.
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
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// The groups it is in, sorted.
    pub groups: Vec<String>,
}

/// A durable task, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskShown {
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
    /// True when its idempotency key was known: this is the first task, none was made.
    pub repeated: bool,
}

/// All actors with their work within a window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PsTable {
    /// Length of the window that was measured.
    pub window_ms: u64,
    /// Actors before `top` was applied.
    pub total: usize,
    /// One row an actor.
    pub rows: Vec<PsRow>,
}

impl PsTable {
    /// Sorts the rows, most first and then by path, and keeps `top` of them.
    pub fn arrange(&mut self, sort: PsSort, top: Option<usize>) {
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
            PsSort::Busy => self.busy_us,
            PsSort::Wait => self.status.mailbox.wait_p99_us,
            PsSort::Queue => self.status.mailbox.depth,
            PsSort::Restarts => Some(self.status.restarts),
        }
    }
}

/// The state an actor shows of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateView {
    /// Which actor.
    pub path: ActorPath,
    /// Which start of it.
    pub incarnation: Incarnation,
    /// Its redacted state; null when it shows none.
    pub state: serde_json::Value,
}

/// Counts of one actor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsView {
    /// Which actor.
    pub path: ActorPath,
    /// Whether it counts by type now.
    pub on: bool,
    /// For how long it has counted.
    pub for_ms: Option<u64>,
    /// Messages handled in that time.
    pub handled: u64,
    /// Time spent in handlers in that time.
    pub busy_us: u64,
    /// Counts by message type, most frequent first.
    pub types: Vec<TypeCount>,
}

/// A steering verb was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steered {
    /// Which actor.
    pub path: ActorPath,
    /// Which verb.
    pub verb: Verb,
    /// What came of it, in words: `restarted as #4`.
    pub outcome: String,
}

/// A fault was injected.
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
    /// Which life of the node this is: its numbers of events and incarnations begin anew with
    /// each.
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
    /// Time spent on them: what looking has cost.
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
    /// healthy, unknown, degraded or unhealthy: what its component says of itself, and no better
    /// than its own life.
    pub health: String,
    /// The groups it is in.
    pub groups: Vec<String>,
}

/// What came of one task of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Submittal {
    /// It is on disk.
    Taken(Box<TaskTaken>),
    /// It was not taken.
    Refused(Box<OpError>),
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// Whether it was completed.
    pub success: bool,
    /// How it ended.
    pub state: TaskState,
    /// What the agent made, when it was completed.
    pub output: Option<serde_json::Value>,
    /// Why not, otherwise.
    pub error: Option<String>,
}

/// What is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenResources {
    /// Files, locks and listeners, in the order in which they were opened.
    pub open: Vec<String>,
}

/// What a probe is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthAnswer {
    /// Whether the answer to its question is yes.
    pub ok: bool,
    /// The report.
    pub report: serde_json::Value,
}
