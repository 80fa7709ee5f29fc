//! What an orderly shutdown says of itself.

use std::error::Error;

use ms_runtime::ShutdownSummary;
use ms_runtime::logic::shutdown::{ShutdownPhase, StopOutcome};

/// The report of a shutdown: a line, and one more for everything that went wrong.
pub(crate) fn told(summary: &ShutdownSummary) -> String {
    let report = &summary.report;
    let outcomes = report.components.iter().map(|stop| &stop.outcome);
    let stopped = outcomes.filter(|outcome| matches!(outcome, StopOutcome::Stopped)).count();
    let mut text = format!(
        "shutdown: {}; {} of {} steps, {stopped} of {} components in order, {} ms\n",
        summary.reason,
        report.steps.len(),
        ShutdownPhase::ALL.len(),
        report.components.len(),
        report.total.as_millis(),
    );
    for stop in &report.components {
        let how = match &stop.outcome {
            StopOutcome::Stopped => continue,
            StopOutcome::Failed(error) => format!("it failed: {error}"),
            StopOutcome::Forced => "it was killed, not being done in time".to_owned(),
            StopOutcome::Abandoned => "it is left behind".to_owned(),
        };
        text.push_str(&format!("  {}: {how}\n", stop.id));
    }
    for step in &report.steps {
        if step.late {
            text.push_str(&format!("  {}: its time was over\n", step.phase.name()));
        }
        for error in &step.errors {
            let causes = std::iter::successors(error.source(), |&error| error.source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            text.push_str(&format!("  {}: {error}{causes}\n", step.phase.name()));
        }
    }
    text
}
