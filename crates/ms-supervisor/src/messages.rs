//! The messages a supervisor takes: news of children, administration, inspection.

use std::time::Duration;

use actix::Message;
use ms_actor::AnyRef;
use ms_actor::host::ChildEvent;
use ms_core::view::{BlastRadius, WhyRecord};
use ms_core::{ActorPath, ChildId, ChildType, ExitReason, Incarnation};
use ms_policy::{ChildEntry, ChildKey, Counts, PidRef};

use crate::error::SupervisorError;
use crate::handle::StartedChild;
use crate::spec::ChildSpec;
use crate::supervisor::DynamicChild;

macro_rules! message {
    ($name:ty => $result:ty) => {
        impl Message for $name {
            type Result = $result;
        }
    };
}

/// News of a child, for the incarnation of the supervisor that started it.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) supervisor: Incarnation,
    pub(crate) event: ChildEvent,
}

/// Posted to itself, behind what waits: a failed restart is to be tried again (E1).
#[derive(Debug)]
pub(crate) struct TryAgain {
    pub(crate) supervisor: Incarnation,
    pub(crate) key: ChildKey,
}

/// How a child of a dynamic or static supervisor is named by callers.
#[derive(Debug, Clone)]
pub(crate) enum Which {
    Id(ChildId),
    Path(ActorPath),
}

#[derive(Debug)]
pub(crate) struct StartChild(pub(crate) Box<ChildSpec>);

#[derive(Debug)]
pub(crate) struct StartDynamic(pub(crate) Option<Box<DynamicChild>>);

#[derive(Debug)]
pub(crate) struct TerminateChild(pub(crate) Which);

#[derive(Debug)]
pub(crate) struct RestartChild(pub(crate) ChildId);

#[derive(Debug)]
pub(crate) struct DeleteChild(pub(crate) ChildId);

#[derive(Debug)]
pub(crate) struct WhichChildren;

#[derive(Debug)]
pub(crate) struct CountChildren;

#[derive(Debug)]
pub(crate) struct GetChildSpec(pub(crate) Which);

#[derive(Debug)]
pub(crate) struct FindChild(pub(crate) ChildId);

/// Suspends or resumes the supervisor's decisions; inspection goes on.
#[derive(Debug)]
pub(crate) struct Suspend(pub(crate) bool);

/// The causal records of one child, or of all, newest first.
#[derive(Debug)]
pub(crate) struct GetWhy {
    pub(crate) path: Option<ActorPath>,
    pub(crate) limit: usize,
}

/// What might happen to a child.
#[derive(Debug)]
pub(crate) enum What {
    /// It ends by itself, or is killed.
    Exit(ExitReason),
    /// It is stopped for good.
    Stop,
    /// It is stopped and started again.
    Renewal,
}

/// What this would lead to.
#[derive(Debug)]
pub(crate) struct Foresee {
    pub(crate) child: ChildId,
    pub(crate) what: What,
    pub(crate) within: Duration,
}

/// What [`Foresee`] found: the radius so far, and the reason the supervisor would end with.
#[derive(Debug)]
pub(crate) struct Foreseen {
    pub(crate) radius: BlastRadius,
    pub(crate) supervisor_exits: Option<ExitReason>,
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

message!(News => ());
message!(TryAgain => ());
message!(StartChild => Result<StartedChild, SupervisorError>);
message!(StartDynamic => Result<StartedChild, SupervisorError>);
message!(TerminateChild => Result<(), SupervisorError>);
message!(RestartChild => Result<StartedChild, SupervisorError>);
message!(DeleteChild => Result<(), SupervisorError>);
message!(WhichChildren => Result<Vec<ChildInfo>, SupervisorError>);
message!(CountChildren => Result<Counts, SupervisorError>);
message!(GetChildSpec => Result<ChildEntry, SupervisorError>);
message!(FindChild => Option<AnyRef>);
message!(Suspend => ());
message!(GetWhy => Vec<WhyRecord>);
message!(Foresee => Option<Foreseen>);
