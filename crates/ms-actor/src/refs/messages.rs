//! What the kernel itself sends to an actor that asked for it.

use actix::Message;
use ms_core::{ActorPath, ExitReason};

use crate::cell::follow::LifeChange;
use crate::refs::any::AnyRef;

/// Something happened to an actor that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// Whom it happened to.
    pub of: AnyRef,
    /// What happened.
    pub change: LifeChange,
}

impl Message for LifecycleEvent {
    type Result = ();
}

/// An exit signal that reached an actor which traps them (OTP's `{'EXIT', Pid, Reason}`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitSignal {
    /// The linked actor that ended, `None` for a stranger's signal.
    pub from: Option<ActorPath>,
    /// Why.
    pub reason: ExitReason,
}
