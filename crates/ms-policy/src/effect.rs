//! What the policy wants done.

use std::time::Duration;

use ms_core::exit::ExitReason;
use ms_core::id::{ChildId, Incarnation};
use ms_core::spec::Shutdown;

use super::command::{CommandError, Reply, Ticket};
use super::report::{Decision, SupervisorReport};
use super::table::ChildKey;

/// Something to carry out, in the order polled.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start the child and answer `Started`, `Ignored` or `StartFailed`. Nothing but
    /// that answer moves the policy on, so a start deadline is the actor's to keep.
    Start {
        /// The child.
        key: ChildKey,
        /// Its id; the template's for a dynamic child.
        id: ChildId,
        /// The number of this attempt.
        incarnation: Incarnation,
        /// What led to it.
        cause: StartCause,
    },
    /// Stop the child (F1) and answer `Exited`, with the reason it really ended with.
    Stop {
        /// The child.
        key: ChildKey,
        /// The life to end.
        incarnation: Incarnation,
        /// With how much patience.
        how: Shutdown,
    },
    /// Stop all children of a dynamic supervisor at once, with one common timer (F6);
    /// they are [`Policy::stopping`](super::Policy::stopping). Answer `Exited` for each.
    StopMany {
        /// With how much patience.
        how: Shutdown,
        /// How many there were.
        count: usize,
    },
    /// Post `TryAgain` at the back of the actor's own mailbox (E1).
    RetryLater {
        /// The child.
        key: ChildKey,
    },
    /// Post `BackoffElapsed` after the delay.
    ArmBackoff {
        /// The child.
        key: ChildKey,
        /// To hand back.
        incarnation: Incarnation,
        /// Failures in a row.
        failures: u32,
        /// How long to wait.
        delay: Duration,
    },
    /// Log this, as OTP's supervisor reports.
    Report(Box<SupervisorReport>),
    /// Remember this: why the supervisor did what it did.
    Decision(Box<Decision>),
    /// Answer a command.
    Reply {
        /// The command.
        ticket: Ticket,
        /// OTP's result.
        result: Result<Reply, CommandError>,
    },
    /// All children are started: acknowledge the supervisor's own start.
    Booted,
    /// A child did not start at boot, the others are stopped (A3). `Exit` follows.
    BootFailed {
        /// `ChildStartFailed` with the id and the reason.
        reason: ExitReason,
    },
    /// The spec is gone: drop what was kept to start the child.
    Dropped {
        /// The child; its key is dead, its index free for another.
        key: ChildKey,
    },
    /// End with this reason. No child runs any more; only replies to late commands follow.
    Exit {
        /// The supervisor's own exit reason.
        reason: ExitReason,
    },
}

/// What led to a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartCause {
    /// The supervisor's boot (A1).
    Boot,
    /// `start_child`: from here on `key` names the child that came with the ticket.
    Added(Ticket),
    /// `restart_child`.
    Asked(Ticket),
    /// An automatic restart, its own or that of its group.
    Restart,
}
