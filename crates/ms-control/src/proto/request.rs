//! What a client may ask.

use std::fmt;
use std::time::Duration;

use ms_core::id::MAX_PATH_DEPTH;
use ms_core::stream::EventFilter;
use ms_core::task::{IdempotencyKey, MAX_PAGE, NewTask, TaskFilter, TaskId};
use ms_core::{ActorPath, NodeLife};
use serde::{Deserialize, Serialize};

use crate::error::ControlError;

/// Longest window of [`Request::Ps`].
pub const MAX_WINDOW: Duration = Duration::from_secs(60);
/// Longest a [`Request::Tree`] may go on sending rows.
pub const MAX_TREE_FOR: Duration = Duration::from_secs(60);
/// Most records of [`Request::Why`].
pub const MAX_WHY: usize = 100;
/// Most lines of [`Request::Trace`].
pub const MAX_TRACE: u32 = 10_000;
/// Longest [`Request::Trace`].
pub const MAX_TRACE_FOR: Duration = Duration::from_secs(600);
/// Longest reason given for a steering verb, in bytes.
pub const MAX_REASON: usize = 500;
/// Longest name of a [`Request::Lookup`], in bytes.
pub const MAX_LOOKUP: usize = 1_024;

/// A request to a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The supervision tree, or a part of it: a stream of its rows, for a tree may be large.
    Tree {
        /// Where to start; absent is the root.
        root: Option<ActorPath>,
        /// Levels below the start; absent is all.
        depth: Option<usize>,
    },
    /// All actors with their work within a window.
    Ps {
        /// Length of the window; the node may need that long to answer.
        window_ms: u64,
        /// What comes first.
        #[serde(default)]
        sort: PsSort,
        /// How many; absent is all.
        top: Option<usize>,
    },
    /// One actor with its direct children.
    Inspect {
        /// Which actor.
        path: ActorPath,
    },
    /// The redacted state of one actor.
    State {
        /// Which actor.
        path: ActorPath,
    },
    /// Why an actor ended, newest first.
    Why {
        /// Which actor.
        path: ActorPath,
        /// How many records; absent is one.
        limit: Option<usize>,
    },
    /// Counts by message type; `on` starts or ends counting.
    Statistics {
        /// Which actor.
        path: ActorPath,
        /// `Some(true)` starts, `Some(false)` ends, absent only reads.
        on: Option<bool>,
    },
    /// What a steering verb would do.
    DryRun {
        /// Which actor.
        path: ActorPath,
        /// Which verb.
        verb: Verb,
    },
    /// Carries a steering verb out.
    Steer {
        /// Which actor.
        path: ActorPath,
        /// Which verb.
        verb: Verb,
        /// Why, for the record.
        reason: Option<String>,
    },
    /// A stream of the messages one actor handles.
    Trace {
        /// Which actor.
        path: ActorPath,
        /// Ends after so many messages.
        max: u32,
        /// Ends after so long.
        for_ms: u64,
    },
    /// A stream of the node's events.
    Events {
        /// Goes on with new events until the client leaves.
        #[serde(default)]
        follow: bool,
        /// Starts after this event of the node; absent starts with the oldest kept.
        since_seq: Option<u64>,
        /// Starts after this event about a task; absent starts with the oldest kept.
        #[serde(default)]
        since_task: Option<u64>,
        /// The life of the node that both numbers are of; absent for the present one. Of another
        /// one, a gap is told and all that is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        life: Option<NodeLife>,
        /// Which events; unless it is said, those of the node.
        #[serde(default)]
        filter: EventFilter,
    },
    /// Whether what an actor waits for is a budget that is used up.
    Budget {
        /// Which actor, or whose subtree.
        path: ActorPath,
    },
    /// All budgets, with what is used of them.
    Budgets,
    /// Permits more of a budget, over restarts where budgets are kept.
    RaiseBudget {
        /// The path that the budget is for.
        account: ActorPath,
        /// Of which unit: `messages`, `wall_us`, or one of the program's own.
        unit: String,
        /// How much more.
        more: u64,
        /// Why, for the record.
        reason: Option<String>,
    },
    /// Who has a name, or provides a service.
    Lookup {
        /// The name.
        name: String,
    },
    /// A page of durable tasks.
    Tasks {
        /// Which.
        #[serde(default)]
        filter: TaskFilter,
    },
    /// One durable task, with its result once it is completed.
    Task {
        /// Which.
        id: TaskId,
    },
    /// Takes a durable task; the answer means that it is on disk.
    SubmitTask {
        /// The task.
        task: Box<NewTask>,
    },
    /// Does something to a durable task.
    SteerTask {
        /// Which.
        id: TaskId,
        /// What.
        verb: TaskVerb,
        /// Why, for the record.
        reason: Option<String>,
    },
    /// How the components of a service get along.
    Integration,
    /// The node itself.
    Info,
    /// Injects a fault, where the node allows it.
    Inject {
        /// Which actor.
        path: ActorPath,
        /// Which fault.
        fault: Fault,
    },
}

impl Request {
    /// Whether the answer is a stream.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        matches!(self, Self::Tree { .. } | Self::Trace { .. } | Self::Events { .. })
    }

    /// Whether it changes the running system.
    #[must_use]
    pub const fn is_steering(&self) -> bool {
        matches!(
            self,
            Self::Steer { .. }
                | Self::Inject { .. }
                | Self::Statistics { on: Some(_), .. }
                | Self::SubmitTask { .. }
                | Self::SteerTask { .. }
                | Self::RaiseBudget { .. }
        )
    }

    /// The request for a log: without what a task carries, which may be secret.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::SubmitTask { task } => {
                let NewTask { queue, kind, idempotency_key, .. } = &**task;
                let key = idempotency_key.as_ref().map(IdempotencyKey::as_str);
                format!("SubmitTask {{ queue: {queue}, kind: {kind}, idempotency_key: {key:?} }}")
            }
            other => format!("{other:?}"),
        }
    }

    /// Time the answer needs by its nature, on top of the deadline; `None` is without end.
    #[must_use]
    pub const fn takes(&self) -> Option<Duration> {
        match self {
            Self::Tree { .. } => Some(MAX_TREE_FOR),
            Self::Ps { window_ms, .. } => Some(Duration::from_millis(*window_ms)),
            Self::Trace { for_ms, .. } => Some(Duration::from_millis(*for_ms)),
            Self::Events { follow: true, .. } => None,
            _ => Some(Duration::ZERO),
        }
    }

    /// Whether its values are within their limits.
    ///
    /// # Errors
    /// A `BadRequest` that names the value and its limit.
    pub fn check(&self) -> Result<(), ControlError> {
        match self {
            Self::Tree { depth: Some(depth), .. } => {
                at_most("depth", *depth as u64, MAX_PATH_DEPTH as u64)
            }
            Self::Ps { window_ms, .. } => millis("window", *window_ms, MAX_WINDOW),
            Self::Why { limit: Some(limit), .. } => at_most("limit", *limit as u64, MAX_WHY as u64),
            Self::Trace { max, for_ms, .. } => {
                at_most("max", u64::from(*max), u64::from(MAX_TRACE))?;
                millis("for", *for_ms, MAX_TRACE_FOR)
            }
            Self::Lookup { name } => {
                at_most("length of the name", name.len() as u64, MAX_LOOKUP as u64)
            }
            Self::Tasks { filter } => at_most("limit", filter.limit as u64, MAX_PAGE as u64),
            Self::RaiseBudget { unit, more: 0, .. } => {
                Err(ControlError::bad_request(format!("the {unit} would be raised by nothing")))
            }
            Self::Steer { reason: Some(reason), .. }
            | Self::RaiseBudget { reason: Some(reason), .. }
            | Self::SteerTask { reason: Some(reason), .. } => {
                at_most("length of the reason", reason.len() as u64, MAX_REASON as u64)
            }
            _ => Ok(()),
        }
    }
}

fn millis(name: &str, value: u64, max: Duration) -> Result<(), ControlError> {
    at_most(&format!("{name} in ms"), value, u64::try_from(max.as_millis()).unwrap_or(u64::MAX))
}

fn at_most(name: &str, value: u64, max: u64) -> Result<(), ControlError> {
    if value <= max {
        return Ok(());
    }
    Err(ControlError::bad_request(format!("the {name} is {value}, and at most {max} is allowed")))
}

/// What can be done to a durable task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskVerb {
    /// Gives it up, if it has not ended.
    Cancel,
    /// Tries it again with all its attempts, if it failed or is among the dead letters.
    Retry,
}

impl fmt::Display for TaskVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        })
    }
}

/// A steering verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Ends it at once, as a fault: its supervisor decides.
    Kill,
    /// Stops it in an orderly way and starts it again; not counted as a fault.
    Restart,
    /// Serves only control until resumed.
    Suspend,
    /// Ends a suspension.
    Resume,
    /// Stops it in an orderly way and leaves it down.
    Stop,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Stop => "stop",
        })
    }
}

/// A fault to inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Panics in the next handler.
    Crash,
    /// Panics in a handler after an await.
    CrashAfterAwait,
    /// Awaits for ever: the actor hangs, its thread goes on.
    Hang,
    /// Blocks its thread.
    Block,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crash => "crash",
            Self::CrashAfterAwait => "crash_after_await",
            Self::Hang => "hang",
            Self::Block => "block",
        })
    }
}

/// What comes first in a [`super::PsTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PsSort {
    /// Most time in handlers within the window.
    #[default]
    Busy,
    /// Longest 99th percentile of the time in the mailbox.
    Wait,
    /// Most messages waiting.
    Queue,
    /// Most restarts.
    Restarts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_over_a_limit_are_refused_by_name() {
        let path = ActorPath::new("/root").expect("valid");
        let ok = Request::Ps { window_ms: 60_000, sort: PsSort::Busy, top: None };
        assert_eq!(ok.check(), Ok(()));
        for bad in [
            Request::Ps { window_ms: 60_001, sort: PsSort::Busy, top: None },
            Request::Tree { root: None, depth: Some(65) },
            Request::Why { path: path.clone(), limit: Some(101) },
            Request::Trace { path: path.clone(), max: 10_001, for_ms: 1 },
            Request::Trace { path: path.clone(), max: 1, for_ms: 600_001 },
            Request::Steer { path, verb: Verb::Kill, reason: Some("x".repeat(501)) },
        ] {
            let error = bad.check().expect_err("over the limit");
            assert!(error.what.contains("at most"), "{error}");
        }
    }
}
