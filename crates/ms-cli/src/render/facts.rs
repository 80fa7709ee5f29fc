//! Labelled lines, and tables.

/// One `label  value` line a fact, the values aligned.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    facts.iter().map(|(label, value)| format!("  {label:width$}  {value}\n")).collect()
}

/// A column of a table.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Numbers end in line, text begins in line.
    pub(super) right: bool,
}

/// A table with its columns as wide as their widest cell; the last one is not padded.
pub(super) fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let title = |column: &Column| column.title.to_owned();
    let head: Vec<String> = columns.iter().map(title).collect();
    let width = |at: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(at));
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
