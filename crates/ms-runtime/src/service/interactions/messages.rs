//! The messages of the actor `integration`.

use std::time::Duration;

use actix::Message;
use ms_actor::Port;
use ms_core::Tick;
use ms_core::health::HealthStatus;
use ms_core::interactions::InteractionMetrics;

use crate::service::logic::interactions::CallOutcome;

/// Ports to the actor `integration`, one for each message.
#[derive(Debug)]
pub(crate) struct InteractionPorts {
    pub(crate) facts: Port<HealthFacts>,
    pub(crate) metrics: Port<GetInteractionMetrics>,
}

/// Something that the actor `health` knows about a component.
#[derive(Debug)]
pub(crate) enum Fact {
    /// It was checked, or an event changed its status.
    Looked(String, HealthStatus),
    /// Its status, without a check: in case that a look was lost.
    Is(String, HealthStatus),
    /// Its health was checked.
    Checked {
        component: String,
        took: Duration,
        /// `Done` if it answered as one that works.
        outcome: CallOutcome,
    },
    /// One of its actors ended by a fault.
    Failed(String),
}

/// What the actor `health` learnt at one moment.
#[derive(Debug)]
pub(crate) struct HealthFacts {
    pub(crate) at: Tick,
    pub(crate) facts: Vec<Fact>,
}

/// Asks for the metrics of all interactions.
#[derive(Debug)]
pub(crate) struct GetInteractionMetrics;

impl Message for HealthFacts {
    type Result = ();
}

impl Message for GetInteractionMetrics {
    type Result = InteractionMetrics;
}
