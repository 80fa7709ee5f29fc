//! What only a supervisor may do with an actor.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ms_core::view::Lifecycle;
use ms_core::{ExitReason, Incarnation};

use crate::cell::any::AnyCell;
use crate::cell::control::Control;
use crate::cell::parent::Parent;
use crate::node::arbiter::NOWHERE;
use crate::node::placement::Placement;
use crate::node::watchdog;
use crate::refs::any::AnyRef;
use crate::run::start::refuse_start;

/// The cell of a child in the hands of its supervisor: an [`AnyRef`] with the levers of a
/// supervisor's authority.
///
/// [`Blueprint::cell`](crate::Blueprint::cell) gives it to whoever makes the actor, and nothing
/// else does: no [`AnyRef`] and no [`Ref`](crate::Ref) leads back to it. So whoever holds a
/// reference may look, steer, stop and kill, but cannot start a second life behind the
/// supervisor's back, take the actor over or close it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ChildCell(AnyRef);

impl ChildCell {
    pub(super) fn new(cell: Arc<dyn AnyCell>) -> Self {
        Self(AnyRef::new(cell))
    }

    /// Returns the reference that anybody may hold.
    #[must_use]
    pub fn any(&self) -> AnyRef {
        self.0.clone()
    }

    /// Kills it as [`AnyRef::kill`] does, with the reason its supervisor kills it for.
    pub fn kill_for(&self, reason: ExitReason) {
        self.cell().core().control(Control::Kill(reason));
    }

    /// Tells it that its supervisor ended without stopping it.
    pub fn parent_exit(&self, reason: ExitReason) {
        self.cell().core().control(Control::ParentExit(reason));
    }

    /// Tells one incarnation that its supervisor ended without stopping it. Does nothing, and
    /// returns false, if that has ended. What a supervisor left behind may have a successor in the
    /// same cell.
    pub fn parent_exit_of(&self, incarnation: Incarnation, reason: ExitReason) -> bool {
        self.cell().core().control_of(incarnation, Control::ParentExit(reason))
    }

    /// Kills one incarnation as [`AnyRef::kill`] does. Does nothing, and returns false, if that has
    /// ended.
    pub fn kill_of(&self, incarnation: Incarnation) -> bool {
        self.cell().core().control_of(incarnation, Control::Kill(ExitReason::Killed))
    }

    /// Gives the cell another supervisor, for the incarnations to come.
    pub fn adopt(&self, parent: Parent) {
        self.cell().core().adopt(parent);
    }

    /// Starts the next incarnation; what becomes of it goes to the cell's parent. One whose
    /// [mailbox](crate::MailboxSpec::check) nobody could reach does not start.
    pub fn launch(&self, placement: Placement) -> Incarnation {
        let core = self.cell().core();
        let checked = core.mailbox_spec.check().map_err(|error| ExitReason::from_error(&error));
        match checked.and_then(|()| core.node.place(placement)) {
            Ok(slot) => Arc::clone(self.cell()).launch(&slot),
            Err(reason) => {
                let incarnation = core.begin_life(NOWHERE);
                refuse_start(&**self.cell(), incarnation, Some(reason));
                incarnation
            }
        }
    }

    /// Ends `incarnation` from outside, when its thread does not come back to do it.
    ///
    /// False when it had ended already.
    pub fn fence(&self, incarnation: Incarnation, reason: ExitReason) -> bool {
        self.cell().fence(incarnation, reason)
    }

    /// Fences it as [`ChildCell::fence`] does, and gives up the arbiter of the incarnation where
    /// its thread stands still: its neighbours there are moved too.
    pub fn abandon(&self, incarnation: Incarnation, reason: ExitReason) -> bool {
        let core = self.cell().core();
        let arbiter = core.arbiter.load(Ordering::Acquire);
        let fenced = self.fence(incarnation, reason);
        if fenced {
            watchdog::give_up(&core.node, arbiter);
        }
        fenced
    }

    /// Says that no further incarnation will come: held messages go to the dead
    /// letters and later ones are refused. For actors that have ended: one that lives is
    /// cut off by this; see [`ChildCell::close_at_end`].
    pub fn close(&self, reason: &ExitReason) {
        self.cell().shut(reason, true);
    }

    /// Closes it as [`ChildCell::close`] does, once the live incarnation has ended in its own way,
    /// or now when there is none.
    pub fn close_at_end(&self, reason: &ExitReason) {
        let live = self.cell().core().life(|life| {
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
            self.cell().shut(reason, false);
        }
    }

    /// Marks it as waiting for its next incarnation, for views.
    pub fn mark_restarting(&self) {
        self.cell().core().set_lifecycle(Lifecycle::Restarting);
    }

    /// Counts one automatic restart, for views.
    pub fn count_restart(&self) {
        self.cell().core().life(|life| life.restarts += 1);
    }
}

// A supervisor looks at its children far more often than it pulls a lever, and hands out
// references to them: both are the plain AnyRef. The other way there is no conversion.
impl Deref for ChildCell {
    type Target = AnyRef;

    fn deref(&self) -> &AnyRef {
        &self.0
    }
}

impl fmt::Debug for ChildCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChildCell({})", self.path())
    }
}
