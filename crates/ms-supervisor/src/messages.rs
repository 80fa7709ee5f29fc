//! The messages a supervisor takes: events of children, administration, inspection.

use std::time::Duration;

use actix::Message;
use ms_actor::host::ChildEvent;
use ms_actor::{AnyRef, Ref};
use ms_core::view::{BlastRadius, TreeNode, WhyRecord};
use ms_core::{ActorPath, ChildId, ExitReason, Incarnation};
use ms_policy::{ChildEntry, ChildKey, Counts};

use crate::actor::SupervisorActor;
use crate::child_info::{ChildInfo, StartedChild};
use crate::error::SupervisorError;
use crate::logic::dry_run::Change;
use crate::spec::{ChildSpec, DynamicChild};

macro_rules! message {
    ($name:ty => $result:ty) => {
        impl Message for $name {
            type Result = $result;
        }
    };
}

/// An event of a child, for the incarnation of the supervisor that started it.
#[derive(Debug)]
pub(crate) struct DeliverEvent {
    pub(crate) supervisor: Incarnation,
    pub(crate) key: ChildKey,
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
pub(crate) struct TerminateChild {
    pub(crate) which: Which,
    pub(crate) meant: Option<Incarnation>,
}

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

/// Kills a child, and gives up its thread if that does not let go of it. The answer is whether
/// there is such a child.
#[derive(Debug)]
pub(crate) struct KillChild {
    pub(crate) id: ChildId,
    pub(crate) meant: Option<Incarnation>,
}

/// Gives up one incarnation of a child whose thread does not come back. The answer is whether it
/// had not ended yet.
#[derive(Debug)]
pub(crate) struct AbandonChild {
    pub(crate) id: ChildId,
    pub(crate) incarnation: Incarnation,
}

/// Suspends or resumes the supervisor's decisions; inspection goes on.
#[derive(Debug)]
pub(crate) struct Suspend(pub(crate) bool);

/// The causal records of one child, or of all, newest first.
#[derive(Debug)]
pub(crate) struct GetWhy {
    pub(crate) path: Option<ActorPath>,
    pub(crate) limit: usize,
}

/// Asks what a change of a child would lead to.
#[derive(Debug)]
pub(crate) struct DryRun {
    pub(crate) child: ChildId,
    pub(crate) change: Change,
    /// How long the supervisors below may take to show what is there.
    pub(crate) within: Duration,
}

/// The answer to [`DryRun`]: the radius so far, and the reason the supervisor would end with.
#[derive(Debug)]
pub(crate) struct DryRunResult {
    pub(crate) radius: BlastRadius,
    pub(crate) supervisor_exits: Option<ExitReason>,
}

/// Asks for the supervisor's own row, and for the [`ChildKeys`].
#[derive(Debug)]
pub(crate) struct ListChildren;

/// A supervisor's own row, and the keys of its children in start order.
#[derive(Debug)]
pub(crate) struct ChildKeys {
    pub(crate) node: TreeNode,
    pub(crate) keys: Vec<ChildKey>,
}

/// Asks for the rows of those of these children that are still there.
#[derive(Debug)]
pub(crate) struct GetRows(pub(crate) Vec<ChildKey>);

/// A child's row, and the supervisor it is, if it is one and runs.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) node: TreeNode,
    pub(crate) supervisor: Option<Ref<SupervisorActor>>,
}

/// Asks for the row of one child.
#[derive(Debug)]
pub(crate) struct GetRow(pub(crate) ChildId);

message!(DeliverEvent => ());
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
message!(KillChild => Result<bool, SupervisorError>);
message!(AbandonChild => bool);
message!(Suspend => ());
message!(GetWhy => Vec<WhyRecord>);
message!(DryRun => Option<DryRunResult>);
message!(ListChildren => Option<ChildKeys>);
message!(GetRows => Vec<Row>);
message!(GetRow => Option<TreeNode>);
