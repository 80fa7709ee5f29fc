//! What the actor `health` is asked, and what it answers.

use actix::Message;
use ms_actor::Port;

use super::paths::PathHealth;
use crate::service::ServiceStage;
use crate::service::logic::health::SystemHealthReport;

/// The ways to the actor `health`, one for each message.
#[derive(Debug)]
pub(crate) struct HealthPorts {
    pub(crate) arm: Port<Arm>,
    pub(crate) checks: Port<RunChecks>,
    pub(crate) readiness: Port<GetHealth>,
}

/// Whether a service may take work, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// 200 or 503.
    pub ready: bool,
    /// How far the service has come.
    pub stage: ServiceStage,
    /// What its components say.
    pub report: SystemHealthReport,
    /// The paths that work takes, as they were walked last.
    pub paths: Vec<PathHealth>,
}

/// Begin to ask the components at a steady interval.
#[derive(Debug)]
pub(crate) struct Arm;

/// Ask the components now.
#[derive(Debug)]
pub(crate) struct RunChecks;

/// Say what is known.
#[derive(Debug)]
pub(crate) struct GetHealth;

impl Message for Arm {
    type Result = ();
}

impl Message for RunChecks {
    type Result = SystemHealthReport;
}

impl Message for GetHealth {
    type Result = Readiness;
}
