//! How the components get along, for Prometheus.

use ms_core::interactions::InteractionMetrics;
use ms_runtime::logic::interactions::{CallOutcome, IncidentChange};
use ms_runtime::{Call, InteractionObserver};

/// Puts calls and incidents into the metrics, one by one.
pub(crate) struct Recorder;

impl InteractionObserver for Recorder {
    fn called(&self, call: &Call) {
        let (from, to) = (call.from().to_owned(), call.to().to_owned());
        metrics::counter!("ms_framework_integration_failures_total",
            "from" => from.clone(), "to" => to.clone())
        .increment(u64::from(call.outcome == CallOutcome::Failed));
        metrics::histogram!("ms_framework_integration_duration_seconds", "from" => from, "to" => to)
            .record(call.took.as_secs_f64());
    }

    fn incident(&self, change: &IncidentChange) {
        match change {
            IncidentChange::Opened { component, .. } => {
                metrics::counter!("ms_framework_incidents_total", "component" => component.clone())
                    .increment(1);
            }
            IncidentChange::Closed { took, .. } => {
                metrics::gauge!("ms_framework_last_recovery_seconds").set(took.as_secs_f64());
            }
        }
    }
}

/// What is no count: as of now.
pub(crate) fn tell(now: &InteractionMetrics) {
    for one in &now.health_scores {
        let component = one.component.clone();
        // There from the first look on, so that the first incident is an increase.
        metrics::counter!("ms_framework_incidents_total", "component" => component.clone())
            .increment(0);
        if let Some(score) = one.score {
            metrics::gauge!("ms_framework_component_health_score", "component" => component)
                .set(score);
        }
    }
    for one in &now.error_rates {
        metrics::gauge!("ms_framework_component_error_rate", "component" => one.component.clone())
            .set(one.rate.unwrap_or(0.0));
    }
    let open = u32::try_from(now.open_incidents.len()).unwrap_or(u32::MAX);
    metrics::gauge!("ms_framework_incidents_open").set(f64::from(open));
    if let Some(mean) = now.mean_time_to_recovery_ms {
        let mean = std::time::Duration::from_millis(mean);
        metrics::gauge!("ms_framework_mean_recovery_seconds").set(mean.as_secs_f64());
    }
    metrics::counter!("ms_framework_integration_lost_total").absolute(now.lost);
}
