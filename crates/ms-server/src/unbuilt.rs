//! What the configuration may ask for and this build does not have.
//!
//! The keys are read and checked, so that one file serves builds with and without. But whoever
//! sets one of them is told at every start that nothing follows from it.

use ms_config::{FrameworkConfig, RegistryType};
use ms_runtime::preflight::{PreFlightCheck, PreFlightResult};

/// Warns of each setting that has no effect.
#[derive(Debug)]
pub(crate) struct Unbuilt {
    found: Vec<&'static str>,
}

impl Unbuilt {
    pub(crate) fn of(config: &FrameworkConfig) -> Self {
        let registry = config.core.service_registry.type_ == RegistryType::Consul;
        let traces = !config.telemetry.otlp_endpoint.is_empty();
        let found = [
            (
                registry,
                "core.service_registry.type = consul: services are known in this process only",
            ),
            (traces, "telemetry.otlp_endpoint: no traces are sent"),
        ];
        Self {
            found: found.into_iter().filter(|(asked, _)| *asked).map(|(_, what)| what).collect(),
        }
    }
}

impl PreFlightCheck for Unbuilt {
    fn name(&self) -> String {
        "features".to_owned()
    }

    fn execute(&self) -> PreFlightResult {
        match self.found.as_slice() {
            [] => PreFlightResult::Pass,
            found => PreFlightResult::Warning(format!(
                "this build has no part for {}; remove the setting to be rid of this line",
                found.join("; ")
            )),
        }
    }
}
