//! The views that inspectors get: the tree, one actor's status, the causal record
//! of its last ends, and the events of a node.
//!
//! Everything here is a plain, serialisable snapshot. What is not knowable is
//! `None`, never a wrong number. Durations are microseconds (`_us`) or
//! milliseconds (`_ms`) as the field says.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::exit::ExitReason;
use crate::id::{ActorPath, ChildId, Incarnation};
use crate::spec::{ChildType, Intensity, Restart, Strategy};

/// Version of the shapes in this module; raised when a reader must change.
pub const SCHEMA_VERSION: u32 = 1;

/// The stage of an actor's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Its init has not finished.
    Starting,
    /// It handles messages.
    #[default]
    Running,
    /// It was suspended by a debug message: only control is served.
    Suspended,
    /// It was asked to stop and has not ended yet.
    Stopping,
    /// It ended and a new start is due, perhaps after a delay.
    Restarting,
    /// It ended and stays down: OTP's pid `undefined`.
    Stopped,
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Stopping => "stopping",
            Self::Restarting => "restarting",
            Self::Stopped => "stopped",
        })
    }
}

/// How much of an actor the kernel can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Written for `ms_actor::Context`: everything is known.
    #[default]
    Kernel,
    /// An unchanged actix actor: its mailbox cannot be seen.
    Actix,
    /// An `Agent` with async handlers.
    Agent,
    /// A supervised async task.
    Task,
    /// A supervisor.
    Supervisor,
}

/// Something about an actor that a person should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It did not answer, or has not turned its loop, for longer than it should.
    Unresponsive,
    /// It has been at one message for half a second or longer, and still answers control.
    Stuck,
    /// It was suspended on purpose.
    Suspended,
    /// Its mailbox is at least half full, or holds more than 1,000 messages.
    Backlogged,
    /// It is being started again.
    Restarting,
    /// It has used more than half of its supervisor's restart budget.
    Flapping,
    /// It is being traced.
    Traced,
}

/// A mailbox as seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MailboxView {
    /// Messages waiting; `None` where the kernel cannot know (tier 2).
    pub depth: Option<u64>,
    /// Bound; `None` is no bound.
    pub capacity: Option<u64>,
    /// What happens to a message over the bound: `block`, `reject`, `drop_newest`, `drop_oldest`.
    pub overflow: String,
    /// Messages refused or dropped because of the bound, over all incarnations.
    pub overflowed: u64,
    /// Median time in the mailbox, of sampled messages.
    pub wait_p50_us: Option<u64>,
    /// 99th percentile of the time in the mailbox, of sampled messages.
    pub wait_p99_us: Option<u64>,
    /// Longest time in the mailbox, of sampled messages.
    pub wait_max_us: Option<u64>,
}

/// The message that an actor is handling right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlingView {
    /// Type of the message.
    pub message: String,
    /// For how long.
    pub for_us: u64,
}

/// Messages of one type, handled by the running incarnation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeCount {
    /// Type of the message.
    pub message: String,
    /// How many were handled.
    pub count: u64,
}

/// One actor: OTP's `sys:get_status` in our terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActorStatus {
    /// Where it lives.
    pub path: ActorPath,
    /// Number of its running (or last) start.
    pub incarnation: Incarnation,
    /// Worker or supervisor.
    pub kind: ChildType,
    /// How much the kernel sees of it.
    pub tier: Tier,
    /// Rust type of the actor.
    pub actor_type: String,
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// When it is started again; `None` outside a supervisor.
    pub restart: Option<Restart>,
    /// Automatic restarts so far.
    pub restarts: u64,
    /// Its mailbox.
    pub mailbox: MailboxView,
    /// What it handles now, if anything.
    pub handling: Option<HandlingView>,
    /// Messages handled by the running incarnation.
    pub handled: u64,
    /// Time spent in handlers by the running incarnation.
    pub busy_us: u64,
    /// Number of the arbiter (thread) it lives on; `None` while it has none.
    pub arbiter: Option<u32>,
    /// How long the running incarnation has been up.
    pub uptime_ms: Option<u64>,
    /// Why its last incarnation ended.
    pub last_exit: Option<ExitReason>,
    /// Counts by message type, most frequent first; only where it was asked for.
    pub types: Vec<TypeCount>,
    /// What a person should look at.
    pub marks: Vec<Mark>,
}

/// A supervisor's own part of a [`TreeNode`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupervisorView {
    /// Its strategy.
    pub strategy: Strategy,
    /// Its restart budget.
    pub intensity: Intensity,
    /// Restarts inside the window right now.
    pub restarts_in_window: u32,
}

/// A node of the supervision tree, with its children in start order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeNode {
    /// Its name within its supervisor.
    pub id: ChildId,
    /// The actor.
    pub status: ActorStatus,
    /// Present when it is a supervisor.
    pub supervisor: Option<SupervisorView>,
    /// Children in start order.
    pub children: Vec<TreeNode>,
    /// Children left out because a depth or width limit was asked for.
    pub omitted: usize,
}

impl TreeNode {
    /// Returns this node and all below it, depth first.
    pub fn walk(&self) -> impl Iterator<Item = &TreeNode> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            let node = stack.pop()?;
            stack.extend(node.children.iter().rev());
            Some(node)
        })
    }

    /// Returns the supervisors that did not list their children in time, because they hang or the
    /// machine is busy. Their subtrees are missing here, and not counted in
    /// [`omitted`](Self::omitted).
    pub fn silent(&self) -> impl Iterator<Item = &TreeNode> {
        self.walk().filter(|node| {
            // The supervisor's own part comes with the list of its children, so that both are
            // missing.
            node.supervisor.is_none()
                && node.status.kind == ChildType::Supervisor
                && node.status.marks.contains(&Mark::Unresponsive)
        })
    }
}

/// What a supervisor did about an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Started again at once.
    Restarted,
    /// A new start is due after a delay.
    Delayed,
    /// Left down; its spec is kept.
    LeftDown,
    /// Left down; its spec is gone.
    Dropped,
    /// The supervisor ended because a significant child did.
    AutoShutdown,
    /// The supervisor gave up: over its restart intensity.
    GaveUp,
    /// It was stopped together with a failed sibling, or on command.
    Stopped,
    /// Moved to another arbiter; not counted.
    Evacuated,
}

/// The causal record of one end: the answer to "why did it die?".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhyRecord {
    /// Which actor ended.
    pub path: ActorPath,
    /// Which start of it.
    pub incarnation: Incarnation,
    /// Milliseconds since the node booted.
    pub at_ms: u64,
    /// Wall clock, milliseconds since 1970, for people.
    pub unix_ms: u64,
    /// The reason, with panic site and message type where there was one.
    pub reason: ExitReason,
    /// How long that incarnation had been up.
    pub uptime_ms: u64,
    /// Messages that were waiting when it ended.
    pub mailbox_depth: Option<u64>,
    /// Messages dropped with it; they went to the dead letters.
    pub dropped: u64,
    /// Actors that were waiting on each other when it asked, outermost first.
    pub ask_chain: Vec<ActorPath>,
    /// The supervisor that decided.
    pub supervisor: Option<ActorPath>,
    /// Its strategy.
    pub strategy: Option<Strategy>,
    /// What it did.
    pub decision: Decision,
    /// Siblings taken along, in start order.
    pub siblings: Vec<ChildId>,
    /// Restarts used of the budget within the window, this one included.
    pub budget_used: u32,
    /// The budget.
    pub budget: Option<Intensity>,
    /// Delay before the next start, where one was set.
    pub next_delay_ms: Option<u64>,
    /// True when a person or a test injected the fault.
    pub injected: bool,
}

/// What a steering verb would do to an actor and those around it now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BlastRadius {
    /// Actors that would be stopped, the target included.
    pub stopped: Vec<ActorPath>,
    /// Actors that would be started again, in start order.
    pub restarted: Vec<ActorPath>,
    /// Actors whose specs would be dropped.
    pub dropped: Vec<ActorPath>,
    /// Supervisors that would give up, innermost first.
    pub escalates: Vec<ActorPath>,
    /// The suspended supervisor that would decide nothing until it is resumed: what follows then is
    /// not foretold.
    #[serde(default)]
    pub held_by: Option<ActorPath>,
    /// True when the root would end, and the node with it.
    pub ends_node: bool,
}

/// Something that happened, and its place in the log it was published in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbered<K> {
    /// Position among the events of its log, from 1 without gaps.
    pub seq: u64,
    /// Milliseconds since the node booted.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: K,
}

impl<K> Numbered<K> {
    /// Converts the kind and keeps the place.
    pub fn map<L>(self, into: impl FnOnce(K) -> L) -> Numbered<L> {
        Numbered { seq: self.seq, at_ms: self.at_ms, kind: into(self.kind) }
    }
}

/// Something that happened in a node.
pub type NodeEvent = Numbered<EventKind>;

/// The kinds of [`NodeEvent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum EventKind {
    /// An incarnation finished its init.
    Started {
        /// Which actor.
        path: ActorPath,
        /// Which start.
        incarnation: Incarnation,
    },
    /// An incarnation ended.
    Exited {
        /// Which actor.
        path: ActorPath,
        /// Which start.
        incarnation: Incarnation,
        /// Why.
        reason: ExitReason,
    },
    /// A supervisor decided about an end.
    Decided {
        /// The causal record.
        // Shared with the supervisor, which keeps the same record.
        why: Arc<WhyRecord>,
    },
    /// A supervisor gave up.
    Escalated {
        /// Which supervisor.
        path: ActorPath,
        /// Why.
        reason: ExitReason,
    },
    /// A steering verb was carried out or refused.
    Steered {
        /// Which actor.
        path: ActorPath,
        /// The verb: `kill`, `restart`, `suspend` and so on.
        verb: String,
        /// Who asked, as far as the endpoint knows.
        by: String,
        /// The reason given.
        reason: Option<String>,
        /// What came of it: `ok` or an error.
        outcome: String,
    },
    /// An arbiter hung; its actors were moved.
    ArbiterWedged {
        /// Number of the arbiter.
        arbiter: u32,
        /// Actors moved away from it.
        evacuated: usize,
    },
    /// A component reports something to operators: a reload that was refused, a snapshot that
    /// was tampered with, a circuit breaker that opened.
    Noted {
        /// Which actor says so.
        path: ActorPath,
        /// A short name of a closed set, for filters: `config_reload_failed`.
        topic: String,
        /// What happened and what to do; no secrets.
        text: String,
    },
}

impl EventKind {
    /// Returns its name, as JSON has it.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Exited { .. } => "exited",
            Self::Decided { .. } => "decided",
            Self::Escalated { .. } => "escalated",
            Self::Steered { .. } => "steered",
            Self::ArbiterWedged { .. } => "arbiter_wedged",
            Self::Noted { .. } => "noted",
        }
    }

    /// Returns the exit reason, for an event about an end.
    #[must_use]
    pub fn reason(&self) -> Option<&ExitReason> {
        match self {
            Self::Exited { reason, .. } | Self::Escalated { reason, .. } => Some(reason),
            Self::Decided { why } => Some(&why.reason),
            _ => None,
        }
    }
}

/// One line of a message trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLine {
    /// Microseconds since the node booted.
    pub at_us: u64,
    /// Which actor.
    pub path: ActorPath,
    /// Type of the message.
    pub message: String,
    /// Time in the mailbox, where it was measured.
    pub waited_us: Option<u64>,
    /// Time in the handler; `None` while an async handler goes on.
    pub took_us: Option<u64>,
}
