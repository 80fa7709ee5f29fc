//! The message by which a dispatcher gives a task to an agent, and its answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use ms_core::task::TaskFailure;
use ms_task::{Assignment, TaskStore};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::vigil::{SignOfLife, Vigil};

/// A task for an agent, and all that its run needs.
pub(crate) struct Perform {
    pub(crate) assignment: Assignment,
    pub(crate) store: Arc<dyn TaskStore>,
    /// The dispatcher's wish for the attempt; the channel closes when the dispatcher is gone.
    pub(crate) orders: watch::Receiver<Orders>,
    /// The lease, and until when the agent may rely on it.
    pub(crate) lease: Duration,
    pub(crate) held_until: Instant,
    /// Longest time of the attempt.
    pub(crate) limit: Duration,
    pub(crate) vigil: Vigil,
    pub(crate) sign: SignOfLife,
}

/// The dispatcher's wish for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orders {
    GoOn,
    /// The task was cancelled.
    Drop,
    /// The tasks are being stopped: this one starts again later.
    HandBack,
}

impl Message for Perform {
    type Result = Performed;
}

impl fmt::Debug for Perform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Perform({})", self.assignment.view.id)
    }
}

/// The result of a [`Perform`].
#[derive(Debug)]
pub(crate) enum Performed {
    /// The agent's answer.
    Done(Result<Value, TaskFailure>),
    /// It came too late to begin.
    NotBegun,
    /// The work was dropped: the task was cancelled, or went to another agent.
    Dropped,
    /// The agent gave the task back; it may start again after this time.
    HandedBack(Duration),
}
