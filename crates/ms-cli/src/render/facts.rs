//! Labelled lines, and tables.

/// Renders one `label  value` line for each fact, with the values aligned.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    facts.iter().map(|(label, value)| format!("  {label:width$}  {value}\n")).collect()
}

/// A column of a table.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Whether cells are aligned to the right, as numbers are.
    pub(super) right: bool,
}

/// Renders a table whose columns are as wide as their widest cell.
///
/// Lines have no trailing blanks: they are pasted into reports, and compared by tests.
pub(super) fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let title = |column: &Column| column.title.to_owned();
    let head: Vec<String> = columns.iter().map(title).collect();
    let width = |at: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(at));
        // In characters, as `format!` pads them.
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(columns).zip(&widths);
        let padded = cells.map(|((cell, column), &width)| match column.right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        });
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    [&head].into_iter().chain(rows).map(line).collect()
}
