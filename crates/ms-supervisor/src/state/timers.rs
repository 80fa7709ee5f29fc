//! The deadlines of one supervisor: any number of them, one armed timer.
//!
//! A timer of the runtime for each child would cost more than the child: a dynamic supervisor
//! may stop a million of them at once.

use std::time::Duration;

use actix::SpawnHandle;
use ms_actor::host::ChildCell;
use ms_core::{ExitReason, Incarnation, Tick};
use ms_policy::ChildKey;

use crate::logic::deadlines::{DeadlineId, Deadlines};
use crate::logic::starts::StartNumber;

/// Names one deadline.
pub(crate) type TimerId = DeadlineId;

/// What is to be done when a deadline passes.
#[derive(Debug)]
pub(crate) enum Due {
    /// The child's init has taken too long.
    StartOverdue { key: ChildKey, start: StartNumber, after: Duration },
    /// The child has not stopped in its time.
    StopOverdue { key: ChildKey, incarnation: Incarnation },
    /// The dynamic children have not stopped in their common time.
    StopManyOverdue,
    /// A killed child's thread has not let go of it.
    Fence { cell: ChildCell, incarnation: Incarnation, reason: ExitReason },
    /// A backoff is over.
    Backoff { key: ChildKey, start: StartNumber },
}

/// The deadlines, and the handle of the timer.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: Deadlines<Due>,
    handle: Option<SpawnHandle>,
}

impl Timers {
    pub(crate) fn add(&mut self, at: Tick, due: Due) -> TimerId {
        self.deadlines.add(at, due)
    }

    pub(crate) fn cancel(&mut self, id: TimerId) {
        self.deadlines.cancel(id);
    }

    /// Returns the moment to arm the timer for, if it is to be armed anew, and the handle of the
    /// one that is armed now, to be cancelled.
    pub(crate) fn rearm(&mut self) -> Option<(Tick, Option<SpawnHandle>)> {
        let at = self.deadlines.rearm()?;
        Some((at, self.handle.take()))
    }

    /// Notes the handle of the timer that [`Self::rearm`] asked for.
    pub(crate) fn armed(&mut self, handle: SpawnHandle) {
        self.handle = Some(handle);
    }

    /// Notes that the timer has expired.
    pub(crate) fn expired(&mut self) {
        self.deadlines.expired();
        self.handle = None;
    }

    /// Takes out the earliest deadline that has passed.
    pub(crate) fn pop_passed(&mut self, now: Tick) -> Option<Due> {
        self.deadlines.pop_passed(now)
    }
}
