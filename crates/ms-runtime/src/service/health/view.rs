//! The settings of the probes, as `msctl state` shows them.

use ms_actor::StateValue;

use crate::service::logic::health::ProbeSettings;
use crate::service::settings::HealthSettings;

/// Returns the settings of the three probes, by name.
pub(super) fn probes(settings: &HealthSettings) -> StateValue {
    StateValue::map([
        ("startup", probe(&settings.startup)),
        ("liveness", probe(&settings.liveness)),
        ("readiness", probe(&settings.readiness)),
    ])
}

fn probe(probe: &ProbeSettings) -> StateValue {
    let time = |time: std::time::Duration| StateValue::from(format!("{time:?}"));
    StateValue::map([
        ("initial_delay", time(probe.initial_delay)),
        ("period", time(probe.period)),
        ("timeout", time(probe.timeout)),
        ("success_threshold", u64::from(probe.success_threshold).into()),
        ("failure_threshold", u64::from(probe.failure_threshold).into()),
    ])
}
