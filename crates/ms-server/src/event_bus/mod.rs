//! The component `event-bus`: the bus of the process, and what the server publishes on it.

mod meter;
mod relay;

use ms_bus::{EventBus, Filter};
use ms_core::lifecycle::Phase;
use ms_runtime::ComponentSpec;
use ms_runtime::section::FrameworkConfig;
use ms_supervisor::ChildSpec;

use crate::error::ServerError;
use meter::Meter;
pub use relay::PublishedNodeEvent;
use relay::Relay;

/// Log lines a second that events may cause.
const LOG_RATE: u32 = 100;

/// Returns the component, as configured. It is of phase 6: listeners and agents find it running.
pub(crate) fn component(
    bus: &EventBus,
    config: &FrameworkConfig,
) -> Result<ComponentSpec, ServerError> {
    let settings = &config.core.event_bus;
    let client = bus.client();
    bus.default_buffer(settings.subscriber_backlog as usize);
    let (relay, meter) = (Relay::new(bus.client()), Meter::new(bus.client()));
    let bus = match settings.log_subjects.as_str() {
        "" => bus.clone(),
        filter => {
            let filter = Filter::new(filter).map_err(ServerError::EventBus)?;
            bus.clone().log(filter, LOG_RATE)
        }
    };
    let bus = bus
        .beside(ChildSpec::actor("relay", move || relay.begin()))
        .beside(ChildSpec::actor("meter", move || meter.clone()));
    Ok(ComponentSpec::tree(bus.supervisor("event-bus")).provides(client).phase(Phase::Core))
}
