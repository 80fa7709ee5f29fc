//! What a dispatcher is made of and is told.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use ms_actor::Port;
use ms_core::Intensity;
use ms_core::task::{AgentKind, StoreError, TaskId};
use ms_task::{QueueSpec, TaskStore};

use super::perform::Perform;
use crate::budgets::Meter;

/// What a dispatcher is made of; the same at every start.
#[derive(Debug, Clone)]
pub(crate) struct DispatcherSpec {
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) queues: Vec<QueueSpec>,
    pub(crate) pools: Vec<(AgentKind, Intensity)>,
    pub(crate) lease: Duration,
    pub(crate) attempt: Duration,
}

/// An agent that takes tasks is there.
pub(crate) struct Join {
    pub(crate) kind: AgentKind,
    pub(crate) agent: Port<Perform>,
    /// Its budgets, if it has any.
    pub(crate) meter: Option<Meter>,
}

impl Message for Join {
    type Result = ();
}

/// An agent as the dispatcher knows it.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) kind: AgentKind,
    pub(super) agent: Port<Perform>,
    pub(super) meter: Option<Meter>,
}

/// There may be something to do.
pub(crate) struct Wake;

impl Message for Wake {
    type Result = ();
}

/// A task was cancelled: whoever works on it may stop.
pub(crate) struct StopWork(pub(crate) TaskId);

impl Message for StopWork {
    type Result = ();
}

/// Say whether the store answers you.
pub(crate) struct TouchStore;

impl Message for TouchStore {
    type Result = Result<(), StoreError>;
}
