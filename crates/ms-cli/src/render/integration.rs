//! How components get along: a table of them, one of pairs, and the incidents.

use ms_core::interactions::{HealthScore, InteractionMetrics};

use super::facts::{Column, table};
use super::units::{clean, known, many, ms, us};

/// The two tables, and one line for each incident that is not over and for all together.
pub(crate) fn integration(view: &InteractionMetrics) -> String {
    let mut text = format!("{}\n{}\n", components(view), pairs(view));
    for one in &view.open_incidents {
        let component = clean(&one.component);
        text += &format!("incident {}: {component} for {}\n", one.incident, ms(one.for_ms));
    }
    let mean = known(view.mean_time_to_recovery_ms.map(ms));
    let incidents = many(view.incidents, "incident");
    text + &format!("{incidents}, {} over, mean time to recovery {mean}\n", view.recovered)
}

fn components(view: &InteractionMetrics) -> String {
    let columns = [
        ("COMPONENT", false),
        ("SCORE", true),
        ("LOOKS", true),
        ("ERRORS", true),
        ("OPERATIONS", true),
    ];
    let rows = view.error_rates.iter().map(|one| {
        let looked = |score: &&HealthScore| score.component == one.component;
        let score = view.health_scores.iter().find(looked);
        vec![
            clean(&one.component),
            known(score.and_then(|score| score.score).map(|score| format!("{score:.2}"))),
            score.map_or(0, |score| score.looks).to_string(),
            known(one.rate.map(|rate| format!("{:.1}%", rate * 100.0))),
            one.operations.to_string(),
        ]
    });
    table(&columns.map(|(title, right)| Column { title, right }), &rows.collect::<Vec<_>>())
}

fn pairs(view: &InteractionMetrics) -> String {
    let columns = [
        ("FROM", false),
        ("TO", false),
        ("CALLS", true),
        ("FAILED", true),
        ("MEAN", true),
        ("P50", true),
        ("P99", true),
        ("MAX", true),
    ];
    let rows = view.latencies.iter().map(|one| {
        vec![
            clean(&one.from),
            clean(&one.to),
            one.count.to_string(),
            one.failed.to_string(),
            us(one.mean_us),
            us(one.p50_us),
            us(one.p99_us),
            us(one.max_us),
        ]
    });
    table(&columns.map(|(title, right)| Column { title, right }), &rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ms_core::Tick;
    use ms_core::health::HealthStatus;
    use ms_runtime::logic::interactions::{CallOutcome, InteractionStats};

    use super::*;

    /// S10.2-01, S10.2-02, S10.2-03, S10.2-04
    #[test]
    fn components_pairs_and_incidents_are_shown() {
        let mut book = InteractionStats::default();
        let at = |seconds: u64| Tick::from_millis(seconds * 1_000);
        for (seconds, status) in
            [(1, HealthStatus::Unhealthy), (4, HealthStatus::Healthy), (5, HealthStatus::Unhealthy)]
        {
            book.looked(at(seconds), "db", status);
        }
        book.called(at(5), "api", "db", Duration::from_millis(3), CallOutcome::Done);
        book.called(at(5), "api", "db", Duration::from_millis(40), CallOutcome::Failed);
        book.called(at(5), "health", "od\u{1b}d", Duration::from_micros(90), CallOutcome::Done);
        let expected = "\
COMPONENT  SCORE  LOOKS  ERRORS  OPERATIONS
db          0.33      3   50.0%           2
od\\u{1b}d      ?      0    0.0%           1

FROM    TO         CALLS  FAILED    MEAN   P50   P99   MAX
api     db             2       1  21.5ms   5ms  40ms  40ms
health  od\\u{1b}d      1       0    90us  90us  90us  90us

incident 2: db for 2s
2 incidents, 1 over, mean time to recovery 3s
";
        assert_eq!(integration(&book.metrics(at(7))), expected);
    }
}
