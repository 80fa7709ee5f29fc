//! The messages of the actor `lifecycle`, and its answers.

use std::fmt;
use std::sync::Arc;

use actix::Message;
use ms_actor::Port;
use ms_core::lifecycle::ComponentId;

use super::error::{BootstrapError, ShutdownError};
use crate::service::cleanup::CleanupReport;
use crate::service::logic::boot::BootReport;
use crate::service::logic::shutdown::ShutdownReport;

/// Ports to the actor `lifecycle`, one for each message.
#[derive(Debug)]
pub(crate) struct LifecyclePorts {
    pub(crate) boot: Port<Boot>,
    pub(crate) is_up: Port<IsUp>,
    pub(crate) reload: Port<Reload>,
    pub(crate) shutdown: Port<Shutdown>,
    pub(crate) hurry: Port<Hurry>,
}

pub(super) type BootOutcome = Result<BootReport, BootstrapError>;
pub(super) type Summary = Arc<ShutdownSummary>;

/// Boots the service; once. The pre-flight checks have passed by then.
#[derive(Debug)]
pub(crate) struct Boot;

impl Message for Boot {
    type Result = BootOutcome;
}

/// Asks whether the boot is done.
#[derive(Debug)]
pub(crate) struct IsUp;

impl Message for IsUp {
    type Result = bool;
}

/// Makes all components reload.
#[derive(Debug)]
pub(crate) struct Reload;

impl Message for Reload {
    type Result = ();
}

/// The reason of a shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "ShutdownSignal")]
pub enum ShutdownReason {
    /// A signal, by its name.
    Signal(&'static str),
    /// The program asked for it.
    Requested(String),
    /// The boot failed or was cancelled.
    BootFailed,
}

impl fmt::Display for ShutdownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(name) => f.write_str(name),
            Self::Requested(why) => write!(f, "asked to: {why}"),
            Self::BootFailed => f.write_str("the boot did not succeed"),
        }
    }
}

/// The summary of a shutdown.
#[derive(Debug)]
pub struct ShutdownSummary {
    /// The reason of the shutdown.
    pub reason: ShutdownReason,
    /// The steps and the components, with times and errors.
    pub report: ShutdownReport<ShutdownError>,
    /// Components that handed over a state to be saved.
    pub snapshots: Vec<ComponentId>,
    /// The outcomes of the cleanup handlers, if they had their turn.
    pub cleanup: Option<CleanupReport>,
}

impl ShutdownSummary {
    /// Returns whether everything went well and in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.report.is_clean() && self.cleanup.as_ref().is_none_or(CleanupReport::is_clean)
    }
}

/// Shuts the service down. A second order gets the answer of the first.
#[derive(Debug)]
pub(crate) struct Shutdown(pub(crate) ShutdownReason);

impl Message for Shutdown {
    type Result = Option<Summary>;
}

/// Ends the waiting: whatever has not stopped is left to be killed.
#[derive(Debug)]
pub(crate) struct Hurry;

impl Message for Hurry {
    type Result = ();
}
