//! The budgets of agents.

use ms_core::budget::{AccountView, Usage, WALL_US};

use super::facts::{Column, table};
use super::style::{Style, Tone};
use super::units::{clean, us};

/// Renders one row for each unit of each budget, and marks the ones that are used up.
pub(crate) fn budgets(budgets: &[AccountView], style: Style) -> String {
    if budgets.is_empty() {
        return "no budgets\n".to_owned();
    }
    let columns =
        [("BUDGET OF", false), ("UNIT", false), ("USED", true), ("LIMIT", true), ("", false)];
    let columns = columns.map(|(title, right)| Column { title, right });
    let rows: Vec<_> = budgets
        .iter()
        .flat_map(|budget| budget.units.iter().map(|(unit, usage)| (&budget.account, unit, *usage)))
        .map(|(account, unit, Usage { used, limit })| {
            let amount = |amount: u64| match unit.as_str() {
                // The one unit whose meaning is known here; the program's own may be anything.
                WALL_US => us(amount),
                _ => amount.to_string(),
            };
            let full =
                if used >= limit { style.paint(Tone::Bad, "used up") } else { String::new() };
            vec![account.to_string(), clean(unit), amount(used), amount(limit), full]
        })
        .collect();
    table(&columns, &rows)
}
