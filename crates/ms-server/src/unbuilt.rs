//! Warns before every boot of settings that this build does not support.

use ms_config::unbuilt_warnings;
use ms_runtime::configuration::ConfigHandle;
use ms_runtime::preflight::{PreFlightCheck, PreFlightResult};
use ms_runtime::section::FrameworkConfig;

/// Warns of each setting that has no effect.
#[derive(Debug)]
pub(crate) struct Unbuilt {
    found: Vec<String>,
}

impl Unbuilt {
    pub(crate) fn of(config: &ConfigHandle<FrameworkConfig>) -> Self {
        Self { found: unbuilt_warnings(&*config.current(), &config.origins()) }
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
                "{}; remove these settings to avoid this warning",
                found.join("; ")
            )),
        }
    }
}
