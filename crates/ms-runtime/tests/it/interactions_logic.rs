//! Scores, error rates, latencies and incidents, beside what one would count by hand.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use ms_core::Tick;
use ms_core::health::HealthStatus;
use ms_core::interactions::{IncidentId, InteractionMetrics};
use ms_runtime::logic::interactions::{
    BUCKETS_US, CallOutcome, ERROR_WINDOW, IncidentChange, InteractionStats, MAX_COMPONENTS,
    MAX_PAIRS, MAX_RECOVERIES, SCORE_LOOKS,
};
use proptest::prelude::*;

fn at(seconds: u64) -> Tick {
    Tick::from_millis(seconds * 1_000)
}

fn rate(metrics: &InteractionMetrics, component: &str) -> Option<f64> {
    metrics.error_rates.iter().find(|one| one.component == component).expect("listed").rate
}

fn any_status() -> impl Strategy<Value = HealthStatus> {
    prop_oneof![
        Just(HealthStatus::Healthy),
        Just(HealthStatus::Unknown),
        Just(HealthStatus::Degraded),
        Just(HealthStatus::Unhealthy),
    ]
}

/// S10.2-01: what a look is worth.
#[test]
fn a_score_is_the_mean_of_the_last_looks() {
    let mut book = InteractionStats::default();
    let score = |book: &InteractionStats| book.metrics(at(0)).health_scores[0].score;
    assert!(book.metrics(at(0)).health_scores.is_empty(), "nothing was looked at");
    book.looked(at(0), "db", HealthStatus::Healthy);
    assert_eq!(score(&book), Some(1.0));
    book.looked(at(1), "db", HealthStatus::Degraded);
    assert_eq!(score(&book), Some(0.75));
    book.looked(at(2), "db", HealthStatus::Unhealthy);
    book.looked(at(3), "db", HealthStatus::Unknown);
    assert_eq!(score(&book), Some(0.375));
    (0..SCORE_LOOKS as u64).for_each(|n| drop(book.looked(at(n), "db", HealthStatus::Healthy)));
    assert_eq!(score(&book), Some(1.0), "what is old is forgotten");
}

/// S10.2-03
#[test]
fn an_error_rate_looks_back_one_window() {
    let mut book = InteractionStats::default();
    book.called(at(1), "api", "db", Duration::from_millis(1), CallOutcome::Done);
    book.called(at(1), "api", "db", Duration::from_millis(1), CallOutcome::Done);
    book.called(at(2), "api", "db", Duration::from_millis(1), CallOutcome::Failed);
    book.failed(at(3), "db");
    book.called(at(3), "api", "db", Duration::from_secs(9), CallOutcome::GivenUp);
    assert_eq!(rate(&book.metrics(at(3)), "db"), Some(0.5), "an end by a fault is a failure");
    let pair = &book.metrics(at(3)).latencies[0];
    assert_eq!((pair.count, pair.failed, pair.given_up, pair.max_us), (4, 1, 1, 9_000_000));
    let over = at(ERROR_WINDOW.as_secs() + 5);
    assert_eq!(rate(&book.metrics(over), "db"), None, "nothing within the window");
    book.called(over, "api", "db", Duration::from_millis(1), CallOutcome::Done);
    assert_eq!(rate(&book.metrics(over), "db"), Some(0.0));
    assert!(book.metrics(over).error_rates.iter().all(|one| one.component != "api"));
}

/// S10.1-03, S10.2-02: 100 ms and 1 s are ends of buckets, so a call of just 100 ms counts as one
/// that is quick enough, and one that took longer does not.
#[test]
fn s10_1_03_latencies_have_buckets_at_a_tenth_of_a_second_and_a_second() {
    assert!(BUCKETS_US.contains(&100_000) && BUCKETS_US.contains(&1_000_000));
    assert!(BUCKETS_US.is_sorted());
    let mut book = InteractionStats::default();
    for ms in [100, 101, 1_000, 1_001, 20_000] {
        book.called(at(0), "api", "db", Duration::from_millis(ms), CallOutcome::Done);
    }
    let pair = &book.metrics(at(0)).latencies[0];
    let up_to = |us: u64| {
        let within = pair.buckets.iter().filter(|one| one.up_to_us.is_some_and(|end| end <= us));
        within.map(|one| one.count).sum::<u64>()
    };
    assert_eq!((up_to(100_000), up_to(1_000_000), pair.count), (1, 3, 5));
    assert_eq!((pair.max_us, pair.p99_us, pair.p50_us), (20_000_000, 20_000_000, 1_000_000));
}

/// S10.2-04, S10.1-04: from unhealthy to healthy; degraded in between ends nothing.
#[test]
fn an_incident_goes_from_unhealthy_to_healthy() {
    let mut book = InteractionStats::default();
    assert_eq!(book.looked(at(0), "db", HealthStatus::Healthy), None);
    assert_eq!(book.looked(at(5), "db", HealthStatus::Degraded), None, "no incident yet");
    let opened = book.looked(at(10), "db", HealthStatus::Unhealthy);
    let (id, component) = (IncidentId(1), "db".to_owned());
    assert_eq!(opened, Some(IncidentChange::Opened { id, component: component.clone() }));
    assert_eq!(book.status(at(12), "db", HealthStatus::Unhealthy), None, "the same one");
    assert_eq!(book.looked(at(15), "db", HealthStatus::Degraded), None);
    let open = &book.metrics(at(16)).open_incidents;
    assert_eq!((open[0].opened_ms, open[0].for_ms), (10_000, 6_000));
    let closed = book.status(at(40), "db", HealthStatus::Healthy);
    let took = Duration::from_secs(30);
    assert_eq!(closed, Some(IncidentChange::Closed { id, component, took }));
    book.looked(at(50), "db", HealthStatus::Unhealthy);
    book.looked(at(60), "db", HealthStatus::Healthy);
    let now = book.metrics(at(60));
    assert_eq!((now.incidents, now.recovered), (2, 2));
    assert_eq!(now.mean_time_to_recovery_ms, Some(20_000));
    let took: Vec<_> = now.recovery_times.iter().map(|one| (one.incident.0, one.took_ms)).collect();
    assert_eq!(took, [(1, 30_000), (2, 10_000)]);
}

/// S10.2-01, S10.2-02, S10.2-03, S10.2-04: a list of pairs, and nothing that JSON has no form for.
#[test]
fn metrics_have_a_form_as_json_and_back() {
    let mut book = InteractionStats::default();
    book.called(at(1), "api", "db", Duration::from_millis(2), CallOutcome::Failed);
    book.looked(at(1), "db", HealthStatus::Unhealthy);
    book.looked(at(2), "db", HealthStatus::Healthy);
    let metrics = book.metrics(at(2));
    let json = serde_json::to_value(&metrics).expect("a form as JSON");
    assert_eq!(json["latencies"][0]["from"], "api");
    assert_eq!(json["latencies"][0]["to"], "db");
    assert_eq!(json["health_scores"][0]["score"], 0.5);
    assert_eq!(json["error_rates"][0]["rate"], 1.0);
    assert_eq!(json["recovery_times"][0]["incident"], 1);
    assert_eq!(serde_json::from_value::<InteractionMetrics>(json).expect("parses"), metrics);
}

/// Whatever names come in, the book does not grow beyond its limits, and says what it left out.
#[test]
fn the_book_is_bounded() {
    let mut book = InteractionStats::default();
    for n in 0..2 * MAX_PAIRS {
        book.called(at(0), &format!("from-{n}"), "db", Duration::ZERO, CallOutcome::Done);
    }
    let now = book.metrics(at(0));
    assert_eq!((now.latencies.len(), now.left_out), (MAX_PAIRS, MAX_PAIRS as u64));
    assert_eq!(now.error_rates[0].operations, 2 * MAX_PAIRS as u64, "of the component all count");
    for n in 0..MAX_COMPONENTS + 9 {
        book.looked(at(0), &format!("c-{n}"), HealthStatus::Unhealthy);
    }
    let now = book.metrics(at(0));
    assert_eq!(now.error_rates.len(), MAX_COMPONENTS);
    assert_eq!(now.open_incidents.len(), MAX_COMPONENTS - 1);
    let mut book = InteractionStats::default();
    for n in 0..3 * MAX_RECOVERIES as u64 {
        book.looked(at(2 * n), "db", HealthStatus::Unhealthy);
        book.looked(at(2 * n + 1), "db", HealthStatus::Healthy);
    }
    let now = book.metrics(at(0));
    assert_eq!(now.recovery_times.len(), MAX_RECOVERIES);
    assert_eq!((now.recovered, now.mean_time_to_recovery_ms), (300, Some(1_000)));
}

proptest! {
    /// S10.2-01
    #[test]
    fn a_score_is_between_0_and_1_and_as_counted_by_hand(looks in prop::collection::vec(any_status(), 1..60)) {
        let mut book = InteractionStats::default();
        for &status in &looks {
            book.looked(at(0), "db", status);
        }
        let last = &looks[looks.len().saturating_sub(SCORE_LOOKS)..];
        let worth = last.iter().map(|status| match status {
            HealthStatus::Healthy => 1.0,
            HealthStatus::Degraded => 0.5,
            HealthStatus::Unknown | HealthStatus::Unhealthy => 0.0,
        });
        let by_hand = worth.sum::<f64>() / last.len() as f64;
        let score = book.metrics(at(0)).health_scores[0].score.expect("looked at");
        prop_assert!((0.0..=1.0).contains(&score));
        prop_assert!((score - by_hand).abs() < 1e-12);
    }

    /// S10.2-03: a slot of five seconds is in or out as a whole.
    #[test]
    fn an_error_rate_is_as_counted_by_hand(steps in prop::collection::vec((0_u64..40, any::<bool>()), 1..80), later in 0_u64..90) {
        let mut book = InteractionStats::default();
        let (mut now, mut all) = (0, Vec::new());
        for &(pause, ok) in &steps {
            now += pause;
            book.called(at(now), "api", "db", Duration::ZERO, if ok { CallOutcome::Done } else { CallOutcome::Failed });
            all.push((now, ok));
        }
        now += later;
        let slots = ERROR_WINDOW.as_secs() / 5;
        let within: Vec<_> = all.iter().filter(|(when, _)| when / 5 + slots > now / 5).collect();
        let failed = within.iter().filter(|(_, ok)| !ok).count();
        let row = &book.metrics(at(now)).error_rates[0];
        prop_assert_eq!((row.operations, row.failed), (within.len() as u64, failed as u64));
        prop_assert!(row.rate.is_none_or(|rate| (0.0..=1.0).contains(&rate)));
        prop_assert_eq!(row.rate.is_some(), !within.is_empty());
    }

    /// S10.2-02: a percentile is never below the true one, and never above its bucket.
    #[test]
    fn percentiles_bound_the_true_ones(times in prop::collection::vec(0_u64..20_000_000, 1..200)) {
        let mut book = InteractionStats::default();
        for &us in &times {
            book.called(at(0), "api", "db", Duration::from_micros(us), CallOutcome::Done);
        }
        let pair = &book.metrics(at(0)).latencies[0];
        let mut sorted = times.clone();
        sorted.sort_unstable();
        prop_assert_eq!(pair.count, times.len() as u64);
        prop_assert_eq!(pair.buckets.iter().map(|one| one.count).sum::<u64>(), pair.count);
        prop_assert_eq!(pair.mean_us, times.iter().sum::<u64>() / times.len() as u64);
        for (percent, told) in [(50, pair.p50_us), (99, pair.p99_us)] {
            let truth = sorted[(times.len() * percent).div_ceil(100) - 1];
            let end = BUCKETS_US.iter().copied().find(|&end| truth <= end).unwrap_or(u64::MAX);
            prop_assert!(truth <= told && told <= end.min(pair.max_us), "{} {} {}", truth, told, end);
        }
    }

    /// S10.2-04, S10.1-04
    #[test]
    fn incidents_add_up(steps in prop::collection::vec((0_u64..30, 0_usize..3, any_status()), 0..120)) {
        let names = ["a", "b", "c"];
        let mut book = InteractionStats::default();
        let (mut now, mut ids, mut recovered) = (0, Vec::new(), Vec::new());
        for (pause, which, status) in steps {
            now += pause;
            match book.looked(at(now), names[which], status) {
                Some(IncidentChange::Opened { id, .. }) => {
                    prop_assert_eq!(status, HealthStatus::Unhealthy);
                    ids.push(id);
                }
                Some(IncidentChange::Closed { id, took, .. }) => {
                    prop_assert_eq!(status, HealthStatus::Healthy);
                    prop_assert!(ids.contains(&id));
                    recovered.push(took);
                }
                None => {}
            }
        }
        prop_assert!(ids.is_sorted_by(|a, b| a < b), "each number once");
        let metrics = book.metrics(at(now));
        prop_assert_eq!(metrics.incidents, ids.len() as u64);
        prop_assert_eq!(metrics.recovered, recovered.len() as u64);
        prop_assert_eq!(metrics.open_incidents.len(), ids.len() - recovered.len());
        let total: Duration = recovered.iter().sum();
        let mean = (total.as_millis() as u64).checked_div(recovered.len() as u64);
        prop_assert_eq!(metrics.mean_time_to_recovery_ms, mean);
    }
}
