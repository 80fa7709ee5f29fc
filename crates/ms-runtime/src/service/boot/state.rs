//! The state of the actor `lifecycle`: a boot or a shutdown under way.

use std::time::Duration;

use ms_core::lifecycle::ComponentId;
use tokio::sync::oneshot;

use super::error::{InitializationCause, ShutdownError};
use super::messages::{BootOutcome, ShutdownReason, Summary};
use crate::service::cleanup::CleanupReport;
use crate::service::components::StateSnapshot;
use crate::service::logic::boot::BootMachine;
use crate::service::logic::shutdown::ShutdownMachine;

/// What the lifecycle knows of a component.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: ComponentId,
    pub(crate) is_tree: bool,
    pub(crate) start_within: Duration,
    pub(crate) stop_within: Duration,
    /// Names of the types that it provides and requires.
    pub(crate) provides: Vec<&'static str>,
    pub(crate) requires: Vec<&'static str>,
}

/// A boot under way.
pub(super) struct Booting {
    pub(super) machine: BootMachine<InitializationCause>,
    pub(super) waits: Option<oneshot::Sender<BootOutcome>>,
    /// Number of components, for the log.
    pub(super) total: usize,
}

/// A shutdown ordered, under way, or over.
pub(super) struct GoingDown {
    pub(super) machine: ShutdownMachine<ShutdownError>,
    pub(super) reason: ShutdownReason,
    pub(super) waits: Vec<oneshot::Sender<Summary>>,
    pub(super) snapshots: Vec<StateSnapshot>,
    pub(super) handed_over: Vec<ComponentId>,
    pub(super) cleanup: Option<CleanupReport>,
    /// Components that were up, in start order. They are dropped in phase 6.
    pub(super) members: Vec<Member>,
    pub(super) over: Option<Summary>,
}
