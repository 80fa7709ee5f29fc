//! What the actor `integration` is sent and asked.

use std::time::Duration;

use actix::Message;
use ms_actor::Port;
use ms_core::Tick;
use ms_core::health::HealthStatus;
use ms_core::interactions::InteractionMetrics;

use crate::service::logic::interactions::CallOutcome;

/// The ways to the actor `integration`, one for each message.
#[derive(Debug)]
pub(crate) struct InteractionPorts {
    pub(crate) facts: Port<HealthFacts>,
    pub(crate) metrics: Port<GetInteractionMetrics>,
}

/// One thing the actor `health` knows of a component.
#[derive(Debug)]
pub(crate) enum Fact {
    /// It was looked at, or news changed what it is.
    Looked(String, HealthStatus),
    /// What it is, without a look: should a look have been lost.
    Is(String, HealthStatus),
    /// It was asked how it is.
    Checked {
        component: String,
        took: Duration,
        /// Done if it answered, and did not say that it does not work.
        outcome: CallOutcome,
    },
    /// An actor of it ended by a fault.
    Failed(String),
}

/// What the actor `health` has learnt at one moment.
#[derive(Debug)]
pub(crate) struct HealthFacts {
    pub(crate) at: Tick,
    pub(crate) facts: Vec<Fact>,
}

/// Say how the components get along.
#[derive(Debug)]
pub(crate) struct GetInteractionMetrics;

impl Message for HealthFacts {
    type Result = ();
}

impl Message for GetInteractionMetrics {
    type Result = InteractionMetrics;
}
