//! The texts of the views.

use ms_core::ExitReason;
use ms_core::view::{Decision, Lifecycle, TreeNode, WhyRecord};

use crate::board::Board;

/// Formats the progress of the audit on one line.
pub(crate) fn progress(board: &Board) -> String {
    let ((settled, input), rate) = (board.progress(), board.rate_milli.get());
    let of = if board.is_walked() { input.to_string() } else { format!("{input}+") };
    format!(
        "{settled}/{of} files, {} files/s, queue {}, restarts {}, quarantined {}, {}",
        rate / 1000,
        board.queue.get(),
        board.restarts.get(),
        board.quarantined.get(),
        time_left(board, input.saturating_sub(settled), rate),
    )
}

/// Formats the actors that were stopped by hand and hold the audit up.
pub(crate) fn waits_for(tree: &TreeNode) -> String {
    // The walker ends by itself.
    let stopped = |node: &&TreeNode| {
        node.status.lifecycle == Lifecycle::Stopped && node.id.as_str() != "walker"
    };
    let hint = |node: &TreeNode| format!("; {0} is stopped: msctl restart {0}", node.status.path);
    tree.walk().filter(stopped).map(hint).collect()
}

fn time_left(board: &Board, left: u64, rate_milli: u64) -> String {
    match (left * 1000).checked_div(rate_milli) {
        _ if left == 0 && board.is_walked() => "done".to_owned(),
        Some(seconds) if board.is_walked() => format!("ETA {seconds} s"),
        _ => "ETA unknown".to_owned(),
    }
}

/// Formats an actor's end and its supervisor's decision on one line.
pub(crate) fn why(why: &WhyRecord) -> String {
    let what = match why.decision {
        Decision::Restarted => "restarted",
        Decision::Delayed => "to be restarted",
        Decision::Evacuated => "moved to another thread",
        Decision::GaveUp => "supervisor gave up",
        _ => "left down",
    };
    let budget = why.budget.map_or(String::new(), |budget| {
        format!(
            " ({} of {} in {} s)",
            why.budget_used,
            budget.max_restarts,
            budget.period.as_secs()
        )
    });
    format!("{}{}: {}; {what}{budget}", why.path.name(), why.incarnation, reason(&why.reason))
}

/// Formats a reason, as in `PANIC injected at auditor.rs:88 while Audit(serde-1.0.229/src/de.rs)`.
fn reason(reason: &ExitReason) -> String {
    let Some(panic) = reason.panic() else { return reason.to_string() };
    let place = panic.location.as_ref().map_or("an unknown place".to_owned(), |at| {
        format!("{}:{}", at.file.rsplit('/').next().unwrap_or_default(), at.line)
    });
    let handling = panic.handling.as_deref().unwrap_or("nothing");
    let (message, during) = match panic.message.split_once(" while ") {
        Some((message, during)) => (message, during),
        None => (&*panic.message, handling.rsplit("::").next().unwrap_or_default()),
    };
    format!("PANIC {message} at {place} while {during}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ms_core::{Location, PanicRecord};

    #[test]
    fn a_panic_is_printed_with_place_and_file() {
        let record = PanicRecord {
            message: "injected while Audit(serde-1.0.229/src/de.rs)".into(),
            location: Some(Location {
                file: "crates/ms-demo/src/auditor.rs".into(),
                line: 88,
                column: 1,
            }),
            handling: Some("ms_demo::auditor::Audit".into()),
            during: "future".into(),
            backtrace: None,
        };
        let line = reason(&ExitReason::Panicked(record.clone().into()));
        assert_eq!(line, "PANIC injected at auditor.rs:88 while Audit(serde-1.0.229/src/de.rs)");
        let other = PanicRecord { message: "boom".into(), location: None, ..record };
        assert_eq!(
            reason(&ExitReason::Panicked(other.into())),
            "PANIC boom at an unknown place while Audit"
        );
    }
}
