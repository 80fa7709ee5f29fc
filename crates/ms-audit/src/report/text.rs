//! The report as a table for a terminal.

use std::fmt::Write;

use super::score::{lacks_licence, per_thousand};
use super::{CrateRow, Duplicate, Report};
use crate::path_text::printable;
use crate::unit::Licence;

/// The layout of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextStyle {
    /// Columns of the terminal. Columns of the table that do not fit are left out.
    pub width: usize,
    /// The characters that may be used for lines and cuts.
    pub charset: Charset,
    /// Show at most this many crates and copies; quarantined files are all shown.
    pub max_rows: Option<usize>,
}

/// A set of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Only ASCII beside what is in names.
    Ascii,
    /// Lines and dots of Unicode.
    Unicode,
}

impl Charset {
    fn rule(self) -> char {
        if self == Self::Ascii { '-' } else { '─' }
    }

    fn cut(self) -> char {
        if self == Self::Ascii { '~' } else { '…' }
    }
}

impl Default for TextStyle {
    fn default() -> Self {
        Self { width: 100, charset: Charset::Unicode, max_rows: None }
    }
}

/// A column of the table.
struct Column {
    head: &'static str,
    align: Align,
    /// The column with the highest number is the first to be left out; 0 stays.
    spare: u8,
    /// Wider cells are cut.
    most: usize,
    cell: fn(&CrateRow) -> String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

const COLUMNS: [Column; 12] = [
    Column { head: "#", align: Align::Right, spare: 0, most: 6, cell: |r| r.rank.to_string() },
    Column { head: "score", align: Align::Right, spare: 0, most: 5, cell: |r| r.score.to_string() },
    Column {
        head: "crate",
        align: Align::Left,
        spare: 0,
        most: 36,
        cell: |r| printable(&r.title()),
    },
    Column {
        head: "unsafe",
        align: Align::Right,
        spare: 0,
        most: 12,
        cell: |r| r.all.unsafe_lines.to_string(),
    },
    Column { head: "/kloc", align: Align::Right, spare: 3, most: 5, cell: density },
    Column {
        head: "unwrap",
        align: Align::Right,
        spare: 2,
        most: 12,
        cell: |r| r.all.unwrap_sites.to_string(),
    },
    Column {
        head: "panic",
        align: Align::Right,
        spare: 2,
        most: 12,
        cell: |r| r.all.panic_sites.to_string(),
    },
    Column {
        head: "lines",
        align: Align::Right,
        spare: 4,
        most: 12,
        cell: |r| r.all.lines.to_string(),
    },
    Column {
        head: "files",
        align: Align::Right,
        spare: 5,
        most: 12,
        cell: |r| r.all.files.to_string(),
    },
    Column { head: "notes", align: Align::Left, spare: 1, most: 9, cell: notes },
    Column { head: "licence", align: Align::Left, spare: 6, most: 18, cell: licence },
    Column { head: "longest fn", align: Align::Left, spare: 7, most: 26, cell: longest },
];

const GAP: &str = "  ";

fn density(row: &CrateRow) -> String {
    per_thousand(row.all.unsafe_lines, row.all.lines).to_string()
}

fn notes(row: &CrateRow) -> String {
    let facts = &row.facts;
    let flags = [
        (facts.build_script, "B"),
        (facts.proc_macro, "P"),
        (lacks_licence(facts), "L"),
        (row.duplicate_files > 0, "D"),
        (row.quarantined > 0, "Q"),
        (row.all.binary_files + row.all.non_utf8_files > 0, "X"),
    ];
    flags.iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| *letter).collect()
}

fn licence(row: &CrateRow) -> String {
    match &row.facts.licence {
        Licence::Expression(text) => printable(text),
        Licence::File(name) => format!("file {}", printable(name)),
        Licence::Missing => "none found".into(),
    }
}

fn longest(row: &CrateRow) -> String {
    row.longest_fn
        .as_ref()
        .map_or_else(String::new, |f| format!("{} {}", f.lines, printable(&f.name)))
}

/// Renders the report as text, with a newline at the end. No line of the table is longer than the
/// width, down to the few columns that are never left out.
pub fn render(report: &Report, style: &TextStyle) -> String {
    let mut out = String::new();
    heading(&mut out, report);
    table(&mut out, report, style);
    duplicates(&mut out, &report.duplicates, style);
    missing(&mut out, report, style);
    quarantined(&mut out, report);
    out
}

fn heading(out: &mut String, report: &Report) {
    let t = &report.totals;
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        out,
        "{}: {} crates, {} files, {} lines, {} with unsafe, {} unwrap, {} panic, {} quarantined",
        printable(&report.scope),
        t.units,
        t.done,
        t.lines,
        t.unsafe_lines,
        t.unwrap_sites,
        t.panic_sites,
        t.quarantined
    );
}

fn table(out: &mut String, report: &Report, style: &TextStyle) {
    let listed = style.max_rows.unwrap_or(usize::MAX).min(report.crates.len());
    let rows = &report.crates[..listed];
    if rows.is_empty() {
        return;
    }
    let (columns, widths) = fitting(rows, style.width);
    let heads = columns.iter().map(|column| column.head.to_owned());
    out.push('\n');
    line(out, &columns, &widths, heads, style);
    let total = widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1);
    out.extend(std::iter::repeat_n(style.charset.rule(), total));
    out.push('\n');
    for row in rows {
        line(out, &columns, &widths, columns.iter().map(|column| (column.cell)(row)), style);
    }
    if listed < report.crates.len() {
        let _ = writeln!(out, "and {} more, all in audit.json", report.crates.len() - listed);
    }
    let legend =
        "B build script, P proc macro, L no licence, D duplicates, Q quarantined, X not text";
    if columns.iter().any(|column| column.head == "notes") {
        let _ = writeln!(out, "{}", cut(legend, style.width.max(20), style.charset));
    }
}

/// Returns the columns that fit, and their widths. The name of the crate gives way first, as far as
/// it stays readable, then whole columns, then the name again.
fn fitting(rows: &[CrateRow], width: usize) -> (Vec<&'static Column>, Vec<usize>) {
    const READABLE_NAME: usize = 24;
    const LEAST_NAME: usize = 12;
    let natural = |column: &Column| {
        let widest = rows.iter().map(|row| (column.cell)(row).chars().count()).max().unwrap_or(0);
        widest.min(column.most).max(column.head.len())
    };
    let mut kept: Vec<_> = COLUMNS.iter().map(|column| (column, natural(column))).collect();
    let total = |kept: &[(&Column, usize)]| {
        kept.iter().map(|(_, w)| w + GAP.len()).sum::<usize>() - GAP.len()
    };
    loop {
        let excess = total(&kept).saturating_sub(width);
        let most_spare = kept.iter().map(|(column, _)| column.spare).max().unwrap_or(0);
        let name = kept.iter_mut().find(|(column, _)| column.head == "crate");
        if let Some((_, name_width)) = name
            && (excess == 0 || most_spare == 0 || *name_width >= excess + READABLE_NAME)
        {
            *name_width = name_width.saturating_sub(excess).max(LEAST_NAME.min(*name_width));
            break;
        }
        kept.retain(|(column, _)| column.spare < most_spare);
    }
    kept.into_iter().unzip()
}

fn line(
    out: &mut String,
    columns: &[&Column],
    widths: &[usize],
    cells: impl Iterator<Item = String>,
    style: &TextStyle,
) {
    let mut text = String::new();
    for ((column, &width), cell) in columns.iter().zip(widths).zip(cells) {
        if !text.is_empty() {
            text.push_str(GAP);
        }
        let cell = cut(&cell, width, style.charset);
        let _ = match column.align {
            Align::Left => write!(text, "{cell:<width$}"),
            Align::Right => write!(text, "{cell:>width$}"),
        };
    }
    let _ = writeln!(out, "{}", text.trim_end());
}

/// Cuts a text to `width` characters, with a mark if some were cut off.
fn cut(text: &str, width: usize, charset: Charset) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain([charset.cut()]).collect()
}

fn duplicates(out: &mut String, found: &[Duplicate], style: &TextStyle) {
    let listed = style.max_rows.unwrap_or(usize::MAX).min(found.len());
    if listed == 0 {
        return;
    }
    let _ =
        writeln!(out, "\n{} files occur in more than one crate; the largest first", found.len());
    for duplicate in &found[..listed] {
        let files: Vec<_> = duplicate.files.iter().map(|file| printable(file)).collect();
        let text = format!(
            "{:>9} bytes x {:<3} {}",
            duplicate.bytes,
            duplicate.files.len(),
            files.join(", ")
        );
        let _ = writeln!(out, "{}", cut(&text, style.width.max(30), style.charset));
    }
    if listed < found.len() {
        let _ = writeln!(out, "and {} more, all in audit.json", found.len() - listed);
    }
}

fn missing(out: &mut String, report: &Report, style: &TextStyle) {
    if report.missing.is_empty() {
        return;
    }
    let listed = style.max_rows.unwrap_or(usize::MAX).min(report.missing.len());
    let _ = writeln!(out, "\n{} locked packages are not audited", report.missing.len());
    for missing in &report.missing[..listed] {
        let _ = writeln!(out, "  {}: {}", printable(&missing.package.folder()), missing.reason);
    }
    if listed < report.missing.len() {
        let _ = writeln!(out, "  and {} more, all in audit.json", report.missing.len() - listed);
    }
}

/// Lists all quarantined files: a reviewer must look at each by hand.
fn quarantined(out: &mut String, report: &Report) {
    if report.quarantined.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{} quarantined, look at them by hand", report.quarantined.len());
    for aside in &report.quarantined {
        let _ =
            writeln!(out, "  {}: {}", printable(&aside.file), printable(&aside.reason.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Fingerprint;
    use crate::outcome::{FileOutcome, Outcome, Reason};
    use crate::report::Reducer;
    use crate::scan::scan;

    fn sample() -> Report {
        let mut reducer = Reducer::new("sample", Vec::new());
        let mut add = |unit: &str, outcome| {
            reducer.add(FileOutcome {
                label: format!("{unit}/lib.rs").into(),
                unit: unit.into(),
                shipped: true,
                fingerprint: Fingerprint::default(),
                outcome,
            });
        };
        add("short-1.0.0", Outcome::Done(scan(b"fn a() {}\nunsafe\n")));
        add(&format!("{}-1.0.0", "long".repeat(20)), Outcome::Done(scan(b"fn b() {\n}\n")));
        let last = "boom\u{1b}[2J".into();
        add("evil-1.0.0", Outcome::Quarantined(Reason::KilledAuditor { kills: 3, last }));
        reducer.report()
    }

    fn table_of(width: usize, charset: Charset) -> String {
        render(&sample(), &TextStyle { width, charset, max_rows: None })
    }

    #[test]
    fn the_table_keeps_to_the_width() {
        for width in [40, 60, 80, 100, 140] {
            let text = table_of(width, Charset::Unicode);
            let table = text.split("\n\n").nth(1).unwrap();
            for line in table.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            assert!(table.contains("crate") && table.contains("score"));
        }
    }

    #[test]
    fn short_names_cost_no_columns() {
        let mut reducer = Reducer::new("s", Vec::new());
        reducer.add_unit(crate::UnitFacts::unknown("a".into()));
        let text = render(&reducer.report(), &TextStyle::default());
        assert!(text.contains("longest fn"), "{text}");
    }

    #[test]
    fn columns_are_aligned() {
        let text = table_of(140, Charset::Ascii);
        let table: Vec<_> = text.split("\n\n").nth(1).unwrap().lines().collect();
        let at = table[0].find("unsafe").unwrap() + "unsafe".len();
        assert!(table[2..5].iter().all(|line| line.as_bytes()[at - 1].is_ascii_digit()), "{text}");
    }

    #[test]
    fn ascii_is_kept_and_escapes_never_reach_the_terminal() {
        let text = table_of(60, Charset::Ascii);
        assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
        assert!(
            text.contains("evil-1.0.0/lib.rs: killed its auditor 3 times, last: boom\\x1b[2J"),
            "{text}"
        );
    }

    #[test]
    fn few_rows_can_be_asked_for_but_quarantine_is_whole() {
        let text = render(&sample(), &TextStyle { max_rows: Some(1), ..TextStyle::default() });
        assert!(text.contains("and 2 more, all in audit.json"), "{text}");
        assert!(text.contains("evil-1.0.0/lib.rs"));
    }

    #[test]
    fn an_empty_report_is_one_line() {
        assert_eq!(
            render(&Reducer::new("s", Vec::new()).report(), &TextStyle::default()).lines().count(),
            1
        );
    }
}
