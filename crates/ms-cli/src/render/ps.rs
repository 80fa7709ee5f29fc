//! The table of actors.

use ms_control::proto::{PsRow, PsTable};

use super::facts::{Column, table};
use super::style::Style;
use super::units::{known, many, ms, us};

/// Renders one row for each actor, and a line about the measurement.
pub(crate) fn ps(view: &PsTable, style: Style) -> String {
    let columns = [
        ("PATH", false),
        ("STATE", false),
        ("BUSY", true),
        ("MSG/S", true),
        ("QUEUE", true),
        ("WAIT P99", true),
        ("RESTARTS", true),
        ("MARKS", false),
    ];
    let columns = columns.map(|(title, right)| Column { title, right });
    let rows: Vec<_> = view.rows.iter().map(|row| cells(row, view.window_ms, style)).collect();
    let count = match view.total > view.rows.len() {
        true => format!("{} of {}", view.rows.len(), many(view.total as u64, "actor")),
        false => many(view.rows.len() as u64, "actor"),
    };
    format!("{}{count}, busy and rate over {}\n", table(&columns, &rows), ms(view.window_ms))
}

fn cells(row: &PsRow, window_ms: u64, style: Style) -> Vec<String> {
    let status = &row.status;
    // Microseconds by milliseconds are thousandths, that is tenths of a percent.
    let share = |busy: u64| busy.checked_div(window_ms);
    let rate = |count: u64| count.saturating_mul(1_000).checked_div(window_ms);
    let busy =
        row.busy_us.and_then(share).map(|tenths| format!("{}.{}%", tenths / 10, tenths % 10));
    vec![
        status.path.to_string(),
        status.lifecycle.to_string(),
        known(busy),
        known(row.handled.and_then(rate)),
        known(status.mailbox.depth),
        known(status.mailbox.wait_p99_us.map(us)),
        status.restarts.to_string(),
        style.marks(&status.marks),
    ]
}
