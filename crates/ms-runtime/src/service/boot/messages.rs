//! What the actor `lifecycle` is asked, and what it answers.

use std::fmt;
use std::sync::Arc;

use actix::Message;
use ms_actor::Port;
use ms_core::lifecycle::ComponentId;

use super::error::{BootstrapError, ShutdownError};
use crate::service::cleanup::CleanupReport;
use crate::service::logic::boot::BootReport;
use crate::service::logic::shutdown::ShutdownReport;

/// The ways to the actor `lifecycle`, one for each message.
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

/// Boot the service; once. The pre-flight checks have passed.
#[derive(Debug)]
pub(crate) struct Boot;

impl Message for Boot {
    type Result = BootOutcome;
}

/// Say whether the boot is done.
#[derive(Debug)]
pub(crate) struct IsUp;

impl Message for IsUp {
    type Result = bool;
}

/// Have all components reload.
#[derive(Debug)]
pub(crate) struct Reload;

impl Message for Reload {
    type Result = ();
}

/// Why a service shuts down.
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "ShutdownSignal")]
pub enum ShutdownReason {
    /// A signal, by its name.
    Signal(&'static str),
    /// The program asked for it.
    Requested(String),
    /// The boot failed, or was called off.
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

/// What a shutdown came to.
#[derive(Debug)]
pub struct ShutdownSummary {
    /// Why it was.
    pub reason: ShutdownReason,
    /// Steps and components, with times and errors.
    pub report: ShutdownReport<ShutdownError>,
    /// Components whose state was handed over to be saved.
    pub snapshots: Vec<ComponentId>,
    /// How the cleanup handlers went, if it came to that.
    pub cleanup: Option<CleanupReport>,
}

impl ShutdownSummary {
    /// Whether everything went as it should, in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.report.is_clean() && self.cleanup.as_ref().is_none_or(CleanupReport::is_clean)
    }
}

/// Shut the service down. Twice is once: both get the same answer.
#[derive(Debug)]
pub(crate) struct Shutdown(pub(crate) ShutdownReason);

impl Message for Shutdown {
    type Result = Option<Summary>;
}

/// Do not wait any longer.
#[derive(Debug)]
pub(crate) struct Hurry;

impl Message for Hurry {
    type Result = ();
}
