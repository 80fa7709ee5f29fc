//! The state machine: its fields, its entry point, and where answers go.

use std::collections::VecDeque;
use std::mem;

use ms_core::exit::ExitReason;
use ms_core::id::Incarnation;
use ms_core::spec::{Restart, Strategy, SupervisorFlags};
use ms_core::time::Tick;

use super::child::{ChildEntry, ChildKey, ChildState};
use super::command::{CommandError, Reply, Ticket};
use super::effect::Effect;
use super::event::Event;
use super::inbox::Inbox;
use super::intensity::Window;
use super::jitter::Jitter;
use super::report::{PidRef, Tally};
use super::table::{Slot, Table};
use super::validate;
use super::validate::SpecError;

/// OTP's supervisor as a pure state machine; see [the module](super).
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) flags: SupervisorFlags,
    pub(super) table: Table,
    pub(super) window: Window,
    pub(super) inbox: Inbox,
    pub(super) effects: VecDeque<Effect>,
    pub(super) op: Op,
    pub(super) jitter: Jitter,
    pub(super) suspended: bool,
}

/// The operation under way. All but `Idle` wait for the answer to an
/// effect (or for `Boot`), and keep everything else waiting meanwhile.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// `Boot` has not come.
    Fresh,
    Idle,
    /// Starting the children in order (A1).
    Boot,
    /// Boot failed: stopping them in reverse order (A3).
    Rollback {
        reason: ExitReason,
        next: Slot,
    },
    /// Starting one child.
    Start(Why),
    /// Stopping one child (G2).
    Terminate(Ticket),
    /// Stopping a group (C2, C3), then
    GroupStop(Group),
    /// starting it again.
    GroupStart(Group),
    /// Stopping all children, one at a time (F4).
    StopAll {
        reason: ExitReason,
        next: Slot,
    },
    /// Stopping all children at once, each in its own way (F7).
    StopTogether {
        reason: ExitReason,
        left: usize,
    },
    /// Stopping all dynamic children at once (F6).
    StopMany {
        reason: ExitReason,
        left: usize,
        tally: Tally,
    },
    /// `Exit` is out.
    Stopped,
}

/// Why one child is started.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why {
    /// `start_child`.
    Added(Ticket),
    /// `restart_child`.
    Asked(Ticket),
    /// By itself; `pid` is what OTP's record holds meanwhile.
    Restart { pid: PidRef },
}

/// A group restart under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// The child whose end led to it.
    pub(super) trigger: Slot,
    /// First of the group in start order; `NIL` is all children.
    pub(super) floor: Slot,
    /// Where to go on once the awaited child has answered.
    pub(super) next: Slot,
    /// No start before this (backoff).
    pub(super) not_before: Tick,
}

/// The answer to a start.
#[derive(Debug)]
pub(super) enum Outcome {
    Started { info: bool },
    Ignored,
    Failed(ExitReason),
}

impl Policy {
    /// Makes a supervisor with these flags and children, in start order; nothing is started before
    /// [`Event::Boot`]. Keys of static children are those of [`children`](Self::children), in the
    /// order of `specs`.
    ///
    /// # Errors
    /// [`SpecError`], as OTP refuses them: flags first, then all specs (A2).
    pub fn new(flags: SupervisorFlags, specs: Vec<ChildEntry>) -> Result<Self, SpecError> {
        validate::check(&flags, &specs)?;
        let mut specs = specs.into_iter();
        let dynamic = flags.strategy == Strategy::SimpleOneForOne;
        let mut table = Table::new(if dynamic { specs.next() } else { None });
        for spec in specs {
            table.append(Some(spec));
        }
        Ok(Self {
            flags,
            table,
            window: Window::new(&flags.intensity),
            inbox: Inbox::default(),
            effects: VecDeque::new(),
            op: Op::Fresh,
            jitter: Jitter::new(0),
            suspended: false,
        })
    }

    /// Seeds the jitter of backoffs. Two supervisors with one seed delay alike, so the
    /// actor gives each a number of its own.
    #[must_use]
    pub fn with_jitter_seed(mut self, seed: u64) -> Self {
        self.jitter = Jitter::new(seed);
        self
    }

    /// Takes in one event. Poll the effects afterwards, to the last.
    pub fn handle(&mut self, now: Tick, event: Event) {
        match event {
            Event::Boot => self.boot(),
            Event::Started { key, incarnation, info } => {
                self.answer_start(now, key, incarnation, Outcome::Started { info });
            }
            Event::Ignored { key, incarnation } if self.is_awaited(key, incarnation) => {
                self.answer_start(now, key, incarnation, Outcome::Ignored);
            }
            Event::StartFailed { key, incarnation, reason } => {
                self.answer_start(now, key, incarnation, Outcome::Failed(reason));
            }
            Event::Exited { key, incarnation, .. }
            | Event::Evacuated { key, incarnation, .. }
            // One that nobody awaited: a child that starts in the background counts as started from
            // its launch on (X16).
            | Event::Ignored { key, incarnation } => self.on_ended(now, key, incarnation, event),
            Event::TryAgain { .. }
            | Event::BackoffElapsed { .. }
            | Event::Command { .. }
            | Event::Shutdown { .. } => self.enqueue(event),
            Event::Suspend => self.suspended = true,
            Event::Resume => self.suspended = false,
        }
        self.drain(now);
        debug_assert!(self.holds(), "the policy's invariants are broken: {self:?}");
    }

    /// Returns the next effect to carry out, oldest first.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn enqueue(&mut self, event: Event) {
        if !self.is_ending() {
            self.inbox.push(event);
        } else if let Event::Command { ticket, .. } = event {
            self.reply(ticket, Err(CommandError::Stopping));
        }
    }

    /// Serves the inbox until it is empty or an operation is under way.
    fn drain(&mut self, now: Tick) {
        while matches!(self.op, Op::Idle) {
            // Suspended, only the shutdown is served: otherwise the parent could never stop it
            // (I2).
            let next = if self.suspended { self.inbox.take_shutdown() } else { self.inbox.pop() };
            let Some(event) = next else { return };
            match event {
                Event::Exited { .. } | Event::Evacuated { .. } | Event::Ignored { .. } => {
                    self.on_exit(now, event);
                }
                Event::TryAgain { key } => self.on_try_again(now, key),
                Event::BackoffElapsed { key, incarnation } => {
                    self.on_backoff(now, key, incarnation);
                }
                Event::Command { ticket, command } => self.on_command(ticket, command),
                Event::Shutdown { reason } => self.end(reason),
                // Taken at once by `handle`, whatever is under way.
                Event::Boot
                | Event::Started { .. }
                | Event::StartFailed { .. }
                | Event::Suspend
                | Event::Resume => debug_assert!(false, "{event:?} does not wait"),
            }
        }
    }

    /// Takes an end: it is the awaited one, goes into the inbox, or is of no interest (B4).
    fn on_ended(&mut self, now: Tick, key: ChildKey, life: Incarnation, end: Event) {
        let Some(slot) = self.table.find(key) else { return };
        if self.table.get(slot).incarnation != life {
            return;
        }
        match self.table.state(slot) {
            ChildState::Stopping => {
                if let Some(reason) = end.into_end_reason() {
                    self.on_stopped(now, slot, reason);
                }
            }
            ChildState::Starting | ChildState::Running => self.enqueue_end(end),
            ChildState::Stopped | ChildState::Restarting => {}
        }
    }

    /// Keeps an end for later, also of a child of a supervisor that is ending: it is waited for.
    fn enqueue_end(&mut self, end: Event) {
        if !matches!(self.op, Op::Stopped) {
            self.inbox.push(end);
        }
    }

    /// Returns whether this start has not been answered yet.
    fn is_awaited(&self, key: ChildKey, life: Incarnation) -> bool {
        let is_it = |&slot: &Slot| {
            self.table.get(slot).incarnation == life
                && self.table.state(slot) == ChildState::Starting
        };
        self.table.find(key).filter(is_it).is_some()
    }

    fn answer_start(&mut self, now: Tick, key: ChildKey, life: Incarnation, outcome: Outcome) {
        let Some(slot) = self.table.find(key) else { return };
        let child = self.table.get(slot);
        if child.incarnation != life || self.table.state(slot) != ChildState::Starting {
            return;
        }
        let settled = match outcome {
            Outcome::Started { .. } => ChildState::Running,
            Outcome::Ignored | Outcome::Failed(_) => ChildState::Stopped,
        };
        self.table.set_state(slot, settled);
        self.table.get_mut(slot).since = now;
        // Idle first: the operation may be over, and if it is not, its handler sets it again.
        match mem::replace(&mut self.op, Op::Idle) {
            Op::Boot => self.boot_answer(slot, outcome),
            Op::Start(why) => self.start_answer(now, slot, why, outcome),
            Op::GroupStart(group) => self.group_answer(now, slot, group, outcome),
            other => {
                debug_assert!(false, "no start is awaited");
                self.op = other;
            }
        }
    }

    fn on_stopped(&mut self, now: Tick, slot: Slot, reason: ExitReason) {
        match mem::replace(&mut self.op, Op::Idle) {
            Op::Rollback { reason: why, next } => {
                self.conclude_stop(slot, reason);
                self.rollback(why, next);
            }
            Op::Terminate(ticket) => {
                self.conclude_stop(slot, reason);
                self.reply(ticket, Ok(Reply::Done));
            }
            Op::GroupStop(group) => {
                self.conclude_stop(slot, reason);
                self.group_stop(now, group);
            }
            Op::StopAll { reason: why, next } => {
                self.conclude_stop(slot, reason);
                self.stop_all(why, next);
            }
            Op::StopTogether { reason: why, left } => {
                self.conclude_stop(slot, reason);
                self.stop_rest(why, left - 1);
            }
            Op::StopMany { reason: why, left, mut tally } => {
                self.tally_stop(slot, reason, &mut tally);
                self.stop_many(why, left - 1, tally);
            }
            other => {
                debug_assert!(false, "no stop is awaited");
                self.op = other;
            }
        }
    }

    fn start_answer(&mut self, now: Tick, slot: Slot, why: Why, outcome: Outcome) {
        match why {
            Why::Added(ticket) => self.added(slot, ticket, outcome),
            Why::Asked(ticket) => self.asked(slot, ticket, outcome),
            Why::Restart { pid } => self.restarted(now, slot, pid, outcome),
        }
    }

    pub(super) fn is_simple(&self) -> bool {
        self.flags.strategy == Strategy::SimpleOneForOne
    }

    /// Returns whether the supervisor is ending.
    pub(super) fn is_ending(&self) -> bool {
        matches!(
            self.op,
            Op::Rollback { .. }
                | Op::StopAll { .. }
                | Op::StopTogether { .. }
                | Op::StopMany { .. }
                | Op::Stopped
        )
    }

    /// Returns whether the invariants hold that are true between two events.
    fn holds(&self) -> bool {
        let starting = self.table.in_state(ChildState::Starting);
        let stopping = self.table.in_state(ChildState::Stopping);
        let awaited = match &self.op {
            Op::Fresh | Op::Idle | Op::Stopped => starting == 0 && stopping == 0,
            Op::Boot | Op::Start(_) | Op::GroupStart(_) => starting == 1 && stopping == 0,
            Op::StopMany { left, .. } | Op::StopTogether { left, .. } => {
                starting == 0 && stopping == *left && *left > 0
            }
            _ => starting == 0 && stopping == 1,
        };
        let ended = matches!(self.op, Op::Stopped);
        let none_left = !ended || self.table.in_state(ChildState::Running) == 0;
        let served = !matches!(self.op, Op::Idle) || self.suspended || self.inbox.len() == 0;
        // Walking all children is for tests with few of them.
        let sound = self.table.len() > 64 || self.table.is_consistent();
        awaited && none_left && served && sound
    }
}

/// Returns whether OTP restarts after this end (B1).
pub(super) fn restarts(restart: Restart, reason: &ExitReason) -> bool {
    match restart {
        Restart::Permanent => true,
        Restart::Transient => !reason.is_clean(),
        Restart::Temporary => false,
    }
}
