//! A reference to an actor of any type: looking at it and steering it (OTP's `sys` and `exit/2`).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use ms_core::view::{ActorStatus, Lifecycle, Tier, TraceLine};
use ms_core::{ActorPath, ExitReason, Incarnation, Tick};
use tokio::sync::{mpsc, oneshot};

use crate::cell::any::AnyCell;
use crate::cell::control::{Control, Fault, TraceOrder};
use crate::cell::monitor::Watcher;
use crate::cell::state::StateValue;
use crate::error::DebugError;
use crate::time::after;

/// Most lines of one trace.
const MAX_TRACE_LINES: u64 = 10_000;

/// A reference to an actor of any type, to inspect it and to control it as everybody may.
///
/// It does not keep the actor alive. The rights of a supervisor (to start the next incarnation,
/// give the actor up, or close it) are with the [`ChildCell`](crate::host::ChildCell), which the
/// maker of the actor holds.
#[derive(Clone)]
pub struct AnyRef(Arc<dyn AnyCell>);

impl AnyRef {
    pub(crate) fn new(cell: Arc<dyn AnyCell>) -> Self {
        Self(cell)
    }

    pub(crate) fn cell(&self) -> &Arc<dyn AnyCell> {
        &self.0
    }

    /// Returns where it lives.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        &self.0.core().path
    }

    /// Returns how much the kernel sees of it.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.0.core().tier
    }

    /// Returns whether an incarnation is live right now.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.incarnation() != Incarnation::NONE
    }

    /// Returns the live incarnation, [`Incarnation::NONE`] when there is none.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.0.core().live()
    }

    /// Returns whether it has ended and no further incarnation will come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.core().is_closed()
    }

    /// Returns how many messages wait for it; `None` where that is not knowable.
    #[must_use]
    pub fn depth(&self) -> Option<u64> {
        self.0.depth()
    }

    /// Returns whether its mailbox is at its bound right now; false where that is not knowable.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let bound = self.0.core().mailbox_spec.capacity.map(|bound| bound as u64);
        bound.is_some_and(|bound| self.depth().is_some_and(|depth| depth >= bound))
    }

    /// Returns where it is in its life.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.0.core().lifecycle()
    }

    /// Returns why its last incarnation ended.
    #[must_use]
    pub fn last_exit(&self) -> Option<ExitReason> {
        self.0.core().life(|life| life.last_exit.as_deref().cloned())
    }

    /// Returns what can be said of it without asking it. That is exact, and never waits for it.
    #[must_use]
    pub fn status(&self) -> ActorStatus {
        self.0.snapshot()
    }

    /// Asks the actor itself for its status, with counts by message type.
    ///
    /// # Errors
    /// [`DebugError::NotRunning`], or [`DebugError::Unresponsive`] when its thread is
    /// blocked: then [`AnyRef::status`] still tells what it does and since when.
    pub async fn ask_status(&self, within: Duration) -> Result<ActorStatus, DebugError> {
        let (reply, answer) = oneshot::channel();
        self.debug(Control::Status(reply), answer, within).await
    }

    /// Asks the actor for a view of its state; `None` when it offers none.
    ///
    /// # Errors
    /// As [`AnyRef::ask_status`].
    pub async fn state(&self, within: Duration) -> Result<Option<StateValue>, DebugError> {
        let (reply, answer) = oneshot::channel();
        self.debug(Control::State(reply), answer, within).await
    }

    async fn debug<T>(
        &self,
        message: Control,
        answer: oneshot::Receiver<T>,
        within: Duration,
    ) -> Result<T, DebugError> {
        let not_running = || DebugError::NotRunning {
            path: self.path().clone(),
            reason: self.0.core().last_exit(),
        };
        if !self.is_alive() {
            return Err(not_running());
        }
        self.0.core().control(message);
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(not_running()),
            Err(_) => Err(DebugError::Unresponsive { path: self.path().clone(), within }),
        }
    }

    /// Traces the next `max` messages (at most 10,000), for at most `time`.
    ///
    /// The receiver ends when either limit is reached, or when it lags 256 lines behind.
    #[must_use]
    pub fn trace(&self, max: u64, time: Duration) -> mpsc::Receiver<TraceLine> {
        let (lines, receiver) = mpsc::channel(256);
        let until = after(time);
        let left = max.clamp(1, MAX_TRACE_LINES);
        self.0.core().control(Control::TraceMessages(TraceOrder {
            left,
            until,
            lines,
            timer: None,
        }));
        receiver
    }

    /// Suspends it: it serves nothing but control until [`AnyRef::resume`].
    pub fn suspend(&self) {
        self.0.core().control(Control::Suspend);
    }

    /// Undoes [`AnyRef::suspend`].
    pub fn resume(&self) {
        self.0.core().control(Control::Resume);
    }

    /// Tells it to stop, hooks included; it ends with `reason`.
    pub fn stop(&self, reason: ExitReason) {
        self.0.core().control(Control::Stop(reason));
    }

    /// Ends it without any of its hooks, as soon as its thread is free.
    pub fn kill(&self) {
        self.0.core().control(Control::Kill(ExitReason::Killed));
    }

    /// Sends an exit signal as a stranger does (OTP's `exit(Pid, Reason)`):
    /// `normal` is dropped, one that traps exits gets it as a message, others end.
    pub fn exit(&self, reason: ExitReason) {
        self.0.core().control(match reason {
            ExitReason::Killed => Control::Kill(reason),
            _ => Control::Exit { from: None, reason },
        });
    }

    /// Injects a fault on purpose.
    pub fn inject(&self, fault: Fault) {
        self.0.core().control(Control::Inject(fault));
    }

    pub(crate) fn watch(&self, watcher: Watcher) {
        if let Err((watcher, reason)) = self.0.core().watch(watcher) {
            watcher.fire(self.path().clone(), Incarnation::NONE, reason);
        }
    }

    /// Returns what the live incarnation handed to whoever started it; see
    /// [`crate::Context::set_start_info`].
    #[must_use]
    pub fn start_info(&self) -> Option<StateValue> {
        self.0.core().life(|life| life.start_info().cloned())
    }

    /// Returns how long it has been at one message, if it is at one right now: how long it may be
    /// said to hang. Time in which the whole process stood still does not count.
    #[must_use]
    pub fn silent_for(&self) -> Option<Duration> {
        self.0.busy_since().map(|since| {
            let node = &self.0.core().node;
            let now = node.now();
            let since = since.max(node.awake_since(now.as_nanos()));
            now.since(Tick::from_nanos(since))
        })
    }

    /// Returns how long the live incarnation has been up.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        let core = self.0.core();
        let started = core.life(|life| life.started);
        core.node.now().since(started)
    }

    /// Returns the actors it waits for while it serves nothing else.
    #[must_use]
    pub fn waiting_on(&self) -> Vec<ActorPath> {
        let waits = self.0.core().waits();
        waits.iter().filter(|edge| edge.is_on()).map(|edge| edge.target().clone()).collect()
    }
}

impl PartialEq for AnyRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.core().uid == other.0.core().uid
    }
}

impl Eq for AnyRef {}

impl Hash for AnyRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.core().uid.hash(state);
    }
}

impl fmt::Debug for AnyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyRef({})", self.path())
    }
}
