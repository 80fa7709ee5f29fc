//! What a supervisor answers about its children.

use ms_actor::{AnyRef, Hosted, Ref, StateValue};
use ms_core::{ActorPath, ChildId, ChildType, Incarnation};
use ms_policy::PidRef;

/// A child that was started: OTP's `{ok, Pid}` or `{ok, Pid, Info}`.
#[derive(Debug, Clone)]
pub struct StartedChild {
    /// The actor; `None` when its init chose not to run (`{ok, undefined}`).
    pub actor: Option<AnyRef>,
    /// Which start of the child this is.
    pub incarnation: Incarnation,
    /// What its init handed over, if anything.
    pub info: Option<StateValue>,
}

impl StartedChild {
    /// Returns the typed reference, if the child runs and is an `A`.
    #[must_use]
    pub fn typed<A: Hosted>(&self) -> Option<Ref<A>> {
        self.actor.as_ref()?.typed()
    }
}

/// One row of [`crate::SupervisorRef::which_children`].
#[derive(Debug, Clone)]
pub struct ChildInfo {
    /// Its id; `None` under a dynamic supervisor, as in OTP.
    pub id: Option<ChildId>,
    /// Where it lives.
    pub path: ActorPath,
    /// Its running incarnation, `undefined` or `restarting`.
    pub child: PidRef,
    /// Worker or supervisor.
    pub kind: ChildType,
    /// The actor, once it was started.
    pub actor: Option<AnyRef>,
}
