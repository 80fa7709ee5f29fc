//! The report of an orderly shutdown.

use ms_core::ErrorChain;
use ms_runtime::ShutdownSummary;
use ms_runtime::logic::shutdown::{ShutdownPhase, StopOutcome};

/// Formats the report of a shutdown: a line, and one more for every fault.
pub(crate) fn text(summary: &ShutdownSummary) -> String {
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
        let fault = match &stop.outcome {
            StopOutcome::Stopped => continue,
            StopOutcome::Failed(error) => format!("it failed: {}", ErrorChain::from_error(error)),
            StopOutcome::Forced => "it was killed because it took too long".to_owned(),
            StopOutcome::Abandoned => "it did not stop and was abandoned".to_owned(),
        };
        text.push_str(&format!("  {}: {fault}\n", stop.id));
    }
    for step in &report.steps {
        if step.late {
            text.push_str(&format!("  {}: it took too long\n", step.phase.name()));
        }
        for error in &step.errors {
            let error = ErrorChain::from_error(error);
            text.push_str(&format!("  {}: {error}\n", step.phase.name()));
        }
    }
    text
}
