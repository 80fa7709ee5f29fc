//! The messages of the actor `health`, and its answers.

use actix::Message;
use ms_actor::Port;

use super::paths::PathHealth;
use crate::service::ServiceStage;
use crate::service::logic::health::SystemHealthReport;

/// Ports to the actor `health`, one for each message.
#[derive(Debug)]
pub(crate) struct HealthPorts {
    pub(crate) arm: Port<Arm>,
    pub(crate) checks: Port<RunChecks>,
    pub(crate) readiness: Port<GetHealth>,
}

/// Whether a service is ready for work, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether it is ready: 200 or 503.
    pub ready: bool,
    /// The stage of the service.
    pub stage: ServiceStage,
    /// The health of its components.
    pub report: SystemHealthReport,
    /// The results of the last walk of each path that work takes.
    pub paths: Vec<PathHealth>,
}

/// Tells the actor to begin its rounds.
#[derive(Debug)]
pub(crate) struct Arm;

/// Asks for a round now, and for its report.
#[derive(Debug)]
pub(crate) struct RunChecks;

/// Asks for what is known, without a new round.
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
