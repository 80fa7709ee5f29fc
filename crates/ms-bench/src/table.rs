//! Tables of results, for a terminal and in Markdown.

use crate::contenders::OURS;
use crate::report::{FigureResult, Row, WorkloadResult};
use crate::stats::Summary;
use crate::workloads::{Figure, Goal, Unit, WORKLOADS, Workload};

/// The contender that others are compared with, besides ours.
const YARDSTICK: &str = "plain actix";

const HEAD: [&str; 6] = ["", "median", "min", "max", "× plain actix", "× ours"];

/// Returns the tables, goals and notes of a workload, for a terminal.
pub(crate) fn text(result: &WorkloadResult) -> String {
    render(result, |about| format!("== {}\n   {about}\n", result.name), aligned)
}

/// Returns the same in Markdown, without the head.
pub(crate) fn markdown(result: &WorkloadResult) -> String {
    render(result, |about| format!("{}.\n\n", about_sentence(about)), piped)
}

fn about_sentence(about: &str) -> String {
    let mut letters = about.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().to_string() + letters.as_str())
}

fn render(
    result: &WorkloadResult,
    head: impl Fn(&str) -> String,
    lines: fn(&[[String; 6]]) -> String,
) -> String {
    let Some(workload) = WORKLOADS.iter().find(|workload| workload.name == result.name) else {
        return format!("{}: no such workload any more\n", result.name);
    };
    let mut text = head(workload.about);
    if (result.scale - 1.0).abs() > f64::EPSILON {
        text += &format!("Only at scale {}: no figures to compare.\n\n", result.scale);
    }
    for (figure, found) in workload.figures.iter().zip(&result.figures) {
        let head = std::iter::once(head_of(figure));
        let rows: Vec<_> =
            head.chain(found.rows.iter().map(|row| cells(figure, found, row))).collect();
        text += &lines(&rows);
        for goal in figure.goals {
            text += &format!("\n- goal, {}: {}", figure.name, verdict(figure, found, goal));
        }
        text += if figure.goals.is_empty() { "\n" } else { "\n\n" };
    }
    text + &notes(workload, result)
}

fn head_of(figure: &Figure) -> [String; 6] {
    let mut head = HEAD.map(str::to_owned);
    head[0] = match figure.unit {
        Unit::Rate => format!("{}, a second", figure.name),
        Unit::Cpu => format!("{}, CPU s a second", figure.name),
        Unit::Time | Unit::Bytes => figure.name.to_owned(),
    };
    head
}

fn cells(figure: &Figure, found: &FigureResult, row: &Row) -> [String; 6] {
    let name = row.contender.clone();
    let Some(summary) = row.summary else {
        return [name, "-".into(), "-".into(), "-".into(), "-".into(), "-".into()];
    };
    let Summary { median, min, max, .. } = summary;
    let to = |other: &str| {
        let ratio = median_of(found, other).map(|base| times_as_good(figure.unit, median, base));
        ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
    };
    let show = |value| value_text(figure.unit, value);
    [name, show(median), show(min), show(max), to(YARDSTICK), to(OURS)]
}

fn median_of(found: &FigureResult, contender: &str) -> Option<f64> {
    let row = found.rows.iter().find(|row| row.contender == contender)?;
    Some(row.summary?.median)
}

/// Returns how many times as good as `base` a value is. More is always better.
fn times_as_good(unit: Unit, value: f64, base: f64) -> f64 {
    match unit {
        // Times, bytes and CPU are better when they are smaller, so the quotient is inverted for them.
        Unit::Rate => value / base,
        Unit::Time | Unit::Bytes | Unit::Cpu => base / value,
    }
}

fn value_text(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Rate if value >= 1e6 => format!("{:.2} M", value / 1e6),
        Unit::Rate => format!("{:.1} k", value / 1e3),
        Unit::Time if value >= 1.0 => format!("{value:.2} s"),
        Unit::Time if value >= 1e-3 => format!("{:.2} ms", value * 1e3),
        Unit::Time => format!("{:.1} µs", value * 1e6),
        Unit::Bytes => format!("{value:.0}"),
        Unit::Cpu => format!("{value:.4}"),
    }
}

fn verdict(figure: &Figure, found: &FigureResult, goal: &Goal) -> String {
    let Some(ours) = median_of(found, OURS) else { return "not measured".to_owned() };
    let word = |met: bool| if met { "met" } else { "missed" };
    match *goal {
        Goal::Times(than, factor) => match median_of(found, than) {
            Some(base) => {
                let ratio = times_as_good(figure.unit, ours, base);
                format!("≥ {factor} × {than}: {ratio:.2}, {}", word(ratio >= factor))
            }
            None => format!("≥ {factor} × {than}: it has no figure"),
        },
        Goal::AtMost(limit) => {
            let (limit_text, text) =
                (value_text(figure.unit, limit), value_text(figure.unit, ours));
            format!("≤ {limit_text}: {text}, {}", word(ours <= limit))
        }
    }
}

fn notes(workload: &Workload, result: &WorkloadResult) -> String {
    // A note belongs to a contender, so all figures have the same ones.
    let rows = result.figures.first().map(|figure| figure.rows.as_slice()).unwrap_or_default();
    let mut notes = String::new();
    for row in rows {
        if let Some(note) = &row.note {
            let dash = if row.summary.is_none() { "-, " } else { "" };
            notes += &format!("- {}: {dash}{note}\n", row.contender);
        }
    }
    let rounds = rows.iter().filter_map(|row| Some(row.summary?.rounds)).max().unwrap_or(0);
    if rounds < workload.rounds {
        notes += &format!("- {rounds} of {} rounds\n", workload.rounds);
    }
    notes
}

fn aligned(rows: &[[String; 6]]) -> String {
    let width =
        // Characters and not bytes: `µ` and `×` have two.
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let mut line = format!("   {:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            line += &format!("  {cell:>width$}");
        }
        line + "\n"
    };
    rows.iter().map(line).collect()
}

fn piped(rows: &[[String; 6]]) -> String {
    let line = |row: &[String; 6]| format!("| {} |\n", row.join(" | "));
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.insert(1.min(lines.len()), "|---|--:|--:|--:|--:|--:|\n".to_owned());
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(contender: &str, median: f64) -> Row {
        let summary = Summary { median, min: median / 2.0, max: median * 2.0, rounds: 10 };
        Row { contender: contender.to_owned(), summary: Some(summary), note: None }
    }

    fn result(name: &str, rows: Vec<Row>) -> WorkloadResult {
        let figures = vec![FigureResult { name: "f".to_owned(), rows }];
        WorkloadResult { name: name.to_owned(), scale: 1.0, figures }
    }

    #[test]
    fn a_table_shows_ratios_to_actix_and_to_us_and_whether_goals_are_met() {
        let absent = Row {
            contender: "atomr".to_owned(),
            summary: None,
            note: Some("has no such thing".to_owned()),
        };
        let rows = vec![row(OURS, 30e6), row("plain actix", 20e6), row("ractor", 10e6), absent];
        let text = text(&result("tell", rows));
        let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains("ours 30.00 M 15.00 M 60.00 M 1.50 1.00"), "{text}");
        assert!(text.contains("≥ 0.9 × plain actix: 1.50, met"), "{text}");
        assert!(text.contains("≥ 4.5 × ractor: 3.00, missed"), "{text}");
        assert!(text.contains("≥ 4.5 × kameo: it has no figure"), "{text}");
        assert!(text.contains("- atomr: -, has no such thing"), "{text}");
    }

    #[test]
    fn less_time_and_fewer_bytes_are_better() {
        let rows = vec![row(OURS, 1200.0), row("plain actix", 850.0)];
        let text = markdown(&result("idle", rows));
        assert!(text.contains("| ours | 1200 | 600 | 2400 | 0.71 | 1.00 |"), "{text}");
        assert!(text.contains("≤ 1536: 1200, met"), "{text}");
        assert!((times_as_good(Unit::Time, 2.0, 1.0) - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn a_run_at_another_scale_says_so() {
        let mut small = result("ring", vec![row(OURS, 1.0)]);
        small.scale = 0.01;
        assert!(text(&small).contains("Only at scale 0.01"));
    }

    #[test]
    fn values_have_a_unit_a_person_can_read() {
        assert_eq!(value_text(Unit::Rate, 1_234_000.0), "1.23 M");
        assert_eq!(value_text(Unit::Rate, 56_700.0), "56.7 k");
        assert_eq!(value_text(Unit::Time, 12.5), "12.50 s");
        assert_eq!(value_text(Unit::Time, 0.0125), "12.50 ms");
        assert_eq!(value_text(Unit::Time, 0.000_012_5), "12.5 µs");
    }
}
