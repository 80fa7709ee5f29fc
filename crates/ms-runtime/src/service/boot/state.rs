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
    // Names only, for `msctl state`: the values themselves are matched by type in `components/`.
    /// Names of the types that it provides to others.
    pub(crate) provides: Vec<&'static str>,
    /// Names of the types that it requires of others.
    pub(crate) requires: Vec<&'static str>,
}

/// A boot in progress.
pub(super) struct Booting {
    pub(super) machine: BootMachine<InitializationCause>,
    /// The caller that waits for the boot.
    pub(super) waits: Option<oneshot::Sender<BootOutcome>>,
    /// Number of components, for the log.
    pub(super) total: usize,
}

/// A shutdown that is ordered, in progress, or over.
// It is kept when it is over: a second order gets the same summary, however late it comes.
pub(super) struct GoingDown {
    pub(super) machine: ShutdownMachine<ShutdownError>,
    pub(super) reason: ShutdownReason,
    /// The callers that wait for the summary.
    pub(super) waits: Vec<oneshot::Sender<Summary>>,
    pub(super) snapshots: Vec<StateSnapshot>,
    /// Components whose snapshots were taken, for the summary: the snapshots go to the store.
    pub(super) handed_over: Vec<ComponentId>,
    pub(super) cleanup: Option<CleanupReport>,
    /// Components that were up, in start order. They are dropped in phase 6.
    pub(super) members: Vec<Member>,
    pub(super) over: Option<Summary>,
}
