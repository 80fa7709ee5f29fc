//! The messages of the ledger. Each question carries the channel of its answer, which is sent once
//! its effect is on disk.

use std::time::Duration;

use actix::Message;
use ms_actor::AnyRef;
use ms_core::ActorPath;
use ms_core::budget::{AccountView, Budget, BudgetStop, OverBudget};
use tokio::sync::oneshot;

use super::BudgetError;

/// Whether an agent may go on.
pub(super) type Drawn = Result<(), OverBudget>;

/// An agent wants to handle a message; answered when it may.
pub(super) struct Draw {
    pub(super) agent: AnyRef,
    pub(super) granted: oneshot::Sender<()>,
}

impl Message for Draw {
    type Result = ();
}

/// An agent wants to handle a message; answered at once.
pub(super) struct TryDraw {
    pub(super) agent: AnyRef,
    pub(super) reply: oneshot::Sender<Drawn>,
}

impl Message for TryDraw {
    type Result = ();
}

pub(super) struct Charge {
    pub(super) agent: ActorPath,
    pub(super) unit: String,
    pub(super) amount: u64,
    pub(super) reply: oneshot::Sender<Drawn>,
}

impl Message for Charge {
    type Result = ();
}

pub(super) struct Took(pub(super) ActorPath, pub(super) Duration);

impl Message for Took {
    type Result = ();
}

pub(super) struct Raise {
    pub(super) account: ActorPath,
    pub(super) more: Budget,
    pub(super) reply: oneshot::Sender<Result<AccountView, BudgetError>>,
}

impl Message for Raise {
    type Result = ();
}

pub(super) struct GetUsage;

impl Message for GetUsage {
    type Result = Vec<AccountView>;
}

pub(super) struct GetStops(pub(super) ActorPath);

impl Message for GetStops {
    type Result = Vec<BudgetStop>;
}
