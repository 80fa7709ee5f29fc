//! Reading a policy: at any time, in the middle of an operation too.

use std::time::Duration;

use ms_core::id::{ChildId, Incarnation};
use ms_core::spec::{ChildPolicy, SupervisorFlags};
use ms_core::time::Tick;

use super::command::Counts;
use super::machine::{Op, Policy};
use super::report::PidRef;
use super::table::{ChildEntry, ChildKey, ChildState, Slot};

/// One child, as the policy knows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChildView<'a> {
    /// The policy's handle.
    pub key: ChildKey,
    /// Its id; the template's for a dynamic child.
    pub id: &'a ChildId,
    /// How it is treated.
    pub policy: &'a ChildPolicy,
    /// Where it stands.
    pub state: ChildState,
    /// The latest start attempt.
    pub incarnation: Incarnation,
    /// What `which_children` shows.
    pub pid: PidRef,
    /// Since when it is running, when it is.
    pub running_since: Option<Tick>,
    /// When its backoff is over, when it waits for that.
    pub restart_at: Option<Tick>,
    /// Failures in a row; counted only for a child with a backoff.
    pub failures: u32,
    /// It has ended, but the supervisor has not come to it.
    pub exit_waits: bool,
}

/// What a supervisor is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not booted yet.
    Fresh,
    /// Starting its children for the first time.
    Booting,
    /// Waiting for something to happen.
    Idle,
    /// Starting or stopping children.
    Busy,
    /// Stopping its children for good.
    Stopping,
    /// Gone.
    Ended,
}

impl Policy {
    /// The flags it was made with.
    #[must_use]
    pub const fn flags(&self) -> &SupervisorFlags {
        &self.flags
    }

    /// What it is doing.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match &self.op {
            Op::Fresh => Phase::Fresh,
            Op::Boot => Phase::Booting,
            Op::Idle => Phase::Idle,
            Op::Start(_) | Op::Terminate(_) | Op::GroupStop(_) | Op::GroupStart(_) => Phase::Busy,
            Op::Rollback { .. }
            | Op::StopAll { .. }
            | Op::StopTogether { .. }
            | Op::StopMany { .. } => Phase::Stopping,
            Op::Ended => Phase::Ended,
        }
    }

    /// Whether only the parent's shutdown is handled (I2).
    #[must_use]
    pub const fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Events that wait for the operation under way, or for `Resume`. The inbox has no
    /// bound of its own: an actor with a bounded mailbox stops reading commands while
    /// this is not 0.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.inbox.len()
    }

    /// The children in start order.
    pub fn children(&self) -> impl Iterator<Item = ChildView<'_>> {
        self.table.forward(self.table.head()).map(|slot| self.view(slot))
    }

    /// The children, latest start first.
    pub fn children_reversed(&self) -> impl Iterator<Item = ChildView<'_>> {
        self.table.backward(self.table.tail()).map(|slot| self.view(slot))
    }

    /// The children that were told to stop and have not ended, in start order. O(n).
    pub fn stopping(&self) -> impl Iterator<Item = (ChildKey, Incarnation)> + '_ {
        let stopping = |&slot: &Slot| self.table.state(slot) == ChildState::Stopping;
        let name = |slot: Slot| (self.table.key(slot), self.table.get(slot).incarnation);
        self.table.forward(self.table.head()).filter(stopping).map(name)
    }

    /// One child.
    #[must_use]
    pub fn child(&self, key: ChildKey) -> Option<ChildView<'_>> {
        self.table.find(key).map(|slot| self.view(slot))
    }

    /// The key of the child with this id; never under `simple_one_for_one`.
    #[must_use]
    pub fn key_of(&self, id: &ChildId) -> Option<ChildKey> {
        self.table.find_id(id).map(|slot| self.table.key(slot))
    }

    /// The spec of a dynamic supervisor's children.
    #[must_use]
    pub fn template(&self) -> Option<&ChildEntry> {
        self.table.template()
    }

    /// The counts of `count_children`, as far as exits have been handled. O(1).
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.table.counts()
    }

    /// Children in this state. O(1).
    #[must_use]
    pub fn in_state(&self, state: ChildState) -> usize {
        self.table.in_state(state)
    }

    /// Children, whatever their state. O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether it has no children.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Restarts that count at `now`, and how long the window is.
    #[must_use]
    pub fn restarts_in_window(&self, now: Tick) -> (u64, Duration) {
        (self.window.used(now), self.flags.intensity.period)
    }

    fn view(&self, slot: Slot) -> ChildView<'_> {
        let child = self.table.get(slot);
        let key = self.table.key(slot);
        let state = self.table.state(slot);
        let running = matches!(state, ChildState::Running | ChildState::Stopping);
        ChildView {
            key,
            id: &self.table.spec(slot).id,
            policy: self.table.policy(slot),
            state,
            incarnation: child.incarnation,
            pid: self.pid(slot),
            running_since: running.then_some(child.since),
            restart_at: child.held.then_some(child.since),
            failures: child.failures,
            exit_waits: self.inbox.has_exit(key, child.incarnation),
        }
    }
}
