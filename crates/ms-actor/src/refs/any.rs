//! Debug messages and steering, for actors of any type (OTP's `sys` and `exit/2`).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use ms_core::view::{ActorStatus, Lifecycle, Tier, TraceLine};
use ms_core::{ActorPath, ExitReason, Incarnation};
use tokio::sync::{mpsc, oneshot};

use crate::cell::control::{Control, Fault, TraceOrder};
use crate::cell::core::{AnyCell, NOWHERE};
use crate::cell::ending;
use crate::cell::hosted::{Cell, Hosted};
use crate::cell::monitor::{Monitor, MonitorId, Watcher};
use crate::cell::state::StateValue;
use crate::error::DebugError;
use crate::host::blueprint::{Parent, Placement};
use crate::refs::handle::Ref;

/// How soon an actor that was between two lives is looked at again by who waits for an answer.
const BETWEEN_LIVES: Duration = Duration::from_millis(20);

/// Most lines of one trace.
pub const MAX_TRACE_LINES: u64 = 10_000;

/// A reference to an actor of any type, for supervisors and inspectors.
///
/// It does not keep the actor alive.
#[derive(Clone)]
pub struct AnyRef(Arc<dyn AnyCell>);

impl AnyRef {
    pub(crate) fn new(cell: Arc<dyn AnyCell>) -> Self {
        Self(cell)
    }

    pub(crate) fn cell(&self) -> &Arc<dyn AnyCell> {
        &self.0
    }

    /// Where it lives.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        &self.0.core().path
    }

    /// How much the kernel sees of it.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.0.core().tier
    }

    /// The typed reference, if it is an `A`.
    #[must_use]
    pub fn typed<A: Hosted>(&self) -> Option<Ref<A>> {
        Arc::clone(&self.0).into_any().downcast::<Cell<A>>().ok().map(Ref::new)
    }

    /// Whether an incarnation is live right now.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.incarnation() != Incarnation::NONE
    }

    /// The live incarnation, [`Incarnation::NONE`] when there is none.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.0.core().live()
    }

    /// Whether it has ended and no further incarnation will come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.core().is_closed()
    }

    /// Messages waiting for it; `None` where that is not knowable.
    #[must_use]
    pub fn depth(&self) -> Option<u64> {
        self.0.depth()
    }

    /// Whether its mailbox is at its bound right now; false where that is not knowable.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let bound = self.0.core().mailbox.capacity.map(|bound| bound as u64);
        bound.is_some_and(|bound| self.depth().is_some_and(|depth| depth >= bound))
    }

    /// Where it is in its life.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.0.core().lifecycle()
    }

    /// Why its last incarnation ended.
    #[must_use]
    pub fn last_exit(&self) -> Option<ExitReason> {
        self.0.core().life(|life| life.last_exit.as_deref().cloned())
    }

    /// What can be said of it without asking it: exact, and never waits for it.
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
        let until = crate::time::after(time);
        let left = max.clamp(1, MAX_TRACE_LINES);
        self.0.core().control(Control::Trace(TraceOrder { left, until, lines, timer: None }));
        receiver
    }

    /// Has it serve nothing but control until [`AnyRef::resume`].
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

    /// As [`AnyRef::kill`], for supervisors: it ends with the reason they kill it for.
    pub fn kill_for(&self, reason: ExitReason) {
        self.0.core().control(Control::Kill(reason));
    }

    /// Sends an exit signal as a stranger does (OTP's `exit(Pid, Reason)`):
    /// `normal` is dropped, one that traps exits gets it as a message, others end.
    pub fn exit(&self, reason: ExitReason) {
        self.0.core().control(match reason {
            ExitReason::Killed => Control::Kill(reason),
            _ => Control::Exit { from: None, reason },
        });
    }

    /// Tells it that its supervisor ended without stopping it.
    pub fn parent_exit(&self, reason: ExitReason) {
        self.0.core().control(Control::ParentExit(reason));
    }

    /// The same for one incarnation: nothing, and false, if that has ended. What a supervisor
    /// left behind may have a successor in the same cell.
    pub fn parent_exit_of(&self, incarnation: Incarnation, reason: ExitReason) -> bool {
        self.0.core().control_of(incarnation, Control::ParentExit(reason))
    }

    /// As [`AnyRef::kill`], for one incarnation: nothing, and false, if that has ended.
    pub fn kill_of(&self, incarnation: Incarnation) -> bool {
        self.0.core().control_of(incarnation, Control::Kill(ExitReason::Killed))
    }

    /// Injects a fault on purpose.
    pub fn inject(&self, fault: Fault) {
        self.0.core().control(Control::Inject(fault));
    }

    /// Watches the present incarnation; see [`crate::Down`].
    pub fn monitor(&self) -> Monitor {
        let (tell, down) = oneshot::channel();
        let id = MonitorId::next();
        // Whoever dropped the monitor does not want to know.
        self.watch(Watcher {
            monitor: id,
            notify: Box::new(move |notice| drop(tell.send(notice))),
        });
        Monitor { id, down, of: Some(Arc::downgrade(&self.0)) }
    }

    /// Waits for an answer that comes by a way of its own (a message had its sender in it), or
    /// for the end of the life that was asked: one whose thread is blocked keeps what it has in
    /// hand, and with it the way to its answer, for as long as it is blocked. `None` when there
    /// will be no answer. [`Ref::ask`] does the same for the answers of handlers. Call it at
    /// once when the message is accepted; it has no deadline of its own. Not for actors whose mailbox
    /// outlives a crash: what they keep is answered by a later life.
    ///
    /// What `gen:call` of OTP does with a monitor.
    ///
    /// # Cancel safety
    /// Dropped early, nothing of it stays with the actor.
    pub async fn answer_of<T>(&self, mut answer: oneshot::Receiver<T>) -> Option<T> {
        loop {
            let down = tokio::select! {
                biased;
                answered = &mut answer => return answered.ok(),
                down = self.monitor() => down,
            };
            match answer.try_recv() {
                // It was its last act.
                Ok(answered) => return Some(answered),
                Err(oneshot::error::TryRecvError::Closed) => return None,
                Err(oneshot::error::TryRecvError::Empty)
                    if down.incarnation == Incarnation::NONE => {}
                Err(oneshot::error::TryRecvError::Empty) => return None,
            }
            // It is between two lives: what it accepted waits for the next one.
            tokio::select! {
                answered = &mut answer => return answered.ok(),
                () = tokio::time::sleep(BETWEEN_LIVES) => {}
            }
        }
    }

    pub(crate) fn watch(&self, watcher: Watcher) {
        if let Err((watcher, reason)) = self.0.core().watch(watcher) {
            watcher.fire(self.path().clone(), Incarnation::NONE, reason);
        }
    }

    // ---- for supervisors -------------------------------------------------------

    /// Gives the cell another supervisor, for the incarnations to come.
    pub fn adopt(&self, parent: Parent) {
        self.0.core().adopt(parent);
    }

    /// What the live incarnation handed to whoever started it; see
    /// [`crate::Context::set_start_info`].
    #[must_use]
    pub fn start_info(&self) -> Option<StateValue> {
        self.0.core().life(|life| life.start_info().cloned())
    }

    /// How long it has been at one message, if it is at one right now.
    #[must_use]
    pub fn busy_for(&self) -> Option<Duration> {
        self.0.busy_since().map(|since| {
            let now = self.0.core().node.now();
            now.since(ms_core::Tick::from_nanos(since))
        })
    }

    /// As [`AnyRef::busy_for`], without the time in which the whole process stood still: how
    /// long it may be said to hang.
    #[must_use]
    pub fn silent_for(&self) -> Option<Duration> {
        self.0.busy_since().map(|since| {
            let node = &self.0.core().node;
            let now = node.now();
            let since = since.max(node.awake_since(now.as_nanos()));
            now.since(ms_core::Tick::from_nanos(since))
        })
    }

    /// Starts the next incarnation; what becomes of it goes to the cell's parent. One whose
    /// [mailbox](crate::MailboxSpec::check) nobody could reach does not start.
    pub fn launch(&self, placement: Placement) -> Incarnation {
        let core = self.0.core();
        let checked = core.mailbox.check().map_err(|error| ExitReason::from_error(&error));
        match checked.and_then(|()| core.node.place(placement)) {
            Ok(slot) => Arc::clone(&self.0).launch(&slot),
            Err(reason) => {
                let incarnation = core.begin_life(NOWHERE);
                crate::run::driver::refuse_start(&*self.0, incarnation, Some(reason));
                incarnation
            }
        }
    }

    pub(crate) fn launch_here(&self) {
        self.launch(Placement::WithParent);
    }

    /// Ends `incarnation` from outside, when its thread does not come back to do it.
    ///
    /// False when it had ended already.
    pub fn fence(&self, incarnation: Incarnation, reason: ExitReason) -> bool {
        ending::fence(&*self.0, incarnation, reason)
    }

    /// As [`AnyRef::fence`], and gives up the arbiter of the incarnation where its
    /// thread stands still: its neighbours there are moved too.
    pub fn abandon(&self, incarnation: Incarnation, reason: ExitReason) -> bool {
        let core = self.0.core();
        let arbiter = core.arbiter.load(std::sync::atomic::Ordering::Acquire);
        let fenced = self.fence(incarnation, reason);
        if fenced {
            crate::node::watchdog::give_up(&core.node, arbiter);
        }
        fenced
    }

    /// Says that no further incarnation will come: held messages go to the dead
    /// letters and later ones are refused. For actors that have ended: one that lives is
    /// cut off by this; see [`AnyRef::close_at_end`].
    pub fn close(&self, reason: &ExitReason) {
        self.0.shut(reason, true);
    }

    /// As [`AnyRef::close`], when the live incarnation has ended in its own way, or now
    /// when there is none.
    pub fn close_at_end(&self, reason: &ExitReason) {
        let live = self.0.core().life(|life| {
            life.final_life = true;
            life.live != Incarnation::NONE
        });
        if !live {
            self.close(reason);
        }
    }

    /// Says that it stays down for now: held messages go to the dead letters, and later
    /// ones are refused with the reason, until it is launched again.
    pub fn refuse(&self, reason: &ExitReason) {
        if !self.is_alive() {
            self.0.shut(reason, false);
        }
    }

    /// Marks it as waiting for its next incarnation, for views.
    pub fn mark_restarting(&self) {
        self.0.core().set_lifecycle(Lifecycle::Restarting);
    }

    /// Counts one automatic restart, for views.
    pub fn count_restart(&self) {
        self.0.core().life(|life| life.restarts += 1);
    }

    /// How long the live incarnation has been up.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        let core = self.0.core();
        let started = core.life(|life| life.started);
        core.node.now().since(started)
    }

    /// Actors it waits for while it serves nothing else.
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
