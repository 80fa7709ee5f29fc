//! What checks say, and what is made of it.
#![allow(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use ms_core::health::{Criticality, HealthResult, HealthStatus};
use ms_runtime::logic::health::{
    HealthError, HealthState, Probe, ProbeChange, ProbeSettings, RoundTime, contribution,
};
use proptest::prelude::*;

fn results() -> [HealthResult; 4] {
    let why = || "why".to_owned();
    [
        HealthResult::Healthy,
        HealthResult::Degraded(why()),
        HealthResult::Unhealthy(why()),
        HealthResult::Timeout,
    ]
}

fn book(checks: &[(&str, Criticality)]) -> HealthState {
    let mut book = HealthState::new(3);
    checks.iter().for_each(|(name, weight)| book.add(name, *weight).expect("new"));
    book
}

/// S4.4-04
#[test]
fn statuses_are_ordered_and_the_worst_wins() {
    use HealthStatus::{Degraded, Healthy, Unhealthy, Unknown};
    assert!(Healthy < Unknown && Unknown < Degraded && Degraded < Unhealthy);
    assert_eq!(
        [Healthy, Unknown, Degraded, Unhealthy].map(HealthStatus::name).join(" "),
        "healthy unknown degraded unhealthy"
    );
}

/// S4.4-03, S4.4-05: criticality by outcome, at the first timeout.
#[test]
fn the_table_of_criticality_and_outcome() {
    use HealthStatus::{Degraded, Healthy, Unhealthy};
    let row = |weight| results().map(|result| contribution(weight, &result, 1, 3));
    assert_eq!(row(Criticality::Critical), [Healthy, Degraded, Unhealthy, Degraded]);
    assert_eq!(row(Criticality::Degradable), [Healthy, Degraded, Degraded, Degraded]);
}

/// C8: a critical component that only ever times out does not stay half well.
#[test]
fn a_critical_component_is_unhealthy_at_the_third_timeout_in_a_row() {
    let mut book = book(&[("db", Criticality::Critical), ("cache", Criticality::Degradable)]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        book.record("db", HealthResult::Timeout);
        book.record("cache", HealthResult::Timeout);
        let report = book.report();
        seen.push((report.overall_status, report.critical_failures.len()));
    }
    use HealthStatus::{Degraded, Healthy, Unhealthy, Unknown};
    assert_eq!(seen, [(Degraded, 0), (Degraded, 0), (Unhealthy, 1)]);
    let report = book.report();
    let own: Vec<_> = report.components.iter().map(|one| (one.name.as_str(), one.status)).collect();
    assert_eq!(own, [("cache", Unknown), ("db", Unhealthy)]);
    book.record("db", HealthResult::Healthy);
    book.record("cache", HealthResult::Healthy);
    assert_eq!(book.report().overall_status, Healthy);
    book.record("db", HealthResult::Timeout);
    assert_eq!(book.report().overall_status, Degraded, "counted from the beginning again");
}

/// S4.4-07: in the seed the first check of a name decided for all of that name.
#[test]
fn a_second_check_of_one_name_is_refused() {
    let mut book = book(&[("db", Criticality::Critical)]);
    let error = book.add("db", Criticality::Degradable).expect_err("twice");
    assert_eq!(error, HealthError::Duplicate("db".to_owned()));
    book.record("db", HealthResult::Unhealthy("gone".to_owned()));
    assert_eq!(book.report().critical_failures, ["db"]);
}

/// S4.4-08, S4.4-09
#[test]
fn the_report_has_its_five_fields_as_json() {
    let mut book = book(&[("db", Criticality::Critical)]);
    assert_eq!(book.report().overall_status, HealthStatus::Unknown, "nothing is known yet");
    book.record("db", HealthResult::Unhealthy("no route to pg://u:p@h".to_owned()));
    book.round_done(RoundTime { took: Duration::from_millis(4), unix_ms: 17 });
    let json = serde_json::to_value(book.report()).expect("serialises");
    let fields =
        ["overall_status", "components", "critical_failures", "check_duration", "timestamp"];
    assert!(fields.iter().all(|field| json.get(field).is_some()), "{json}");
    assert_eq!(json["overall_status"], "unhealthy");
    assert_eq!(json["components"][0]["message"], "no route to pg://[redacted]@h");
    assert_eq!(json["timestamp"], 17);
}

/// A fact counts at once, whatever the last sample said.
#[test]
fn a_component_that_does_not_run_is_named_at_once_and_until_it_runs_again() {
    let mut book = book(&[("db", Criticality::Critical)]);
    book.record("db", HealthResult::Healthy);
    book.down("db", "killed");
    let report = book.report();
    assert_eq!(
        (report.overall_status, report.critical_failures.len()),
        (HealthStatus::Unhealthy, 1)
    );
    assert_eq!(report.components[0].message.as_deref(), Some("does not run: killed"));
    book.record("db", HealthResult::Healthy);
    assert_eq!(book.report().overall_status, HealthStatus::Unhealthy);
    book.up("db");
    assert_eq!(
        book.report().overall_status,
        HealthStatus::Unknown,
        "its new life has said nothing"
    );
}

#[test]
fn an_actor_below_a_component_that_does_not_run_degrades_it_and_is_named() {
    let mut book = book(&[("agents", Criticality::Critical)]);
    book.record("agents", HealthResult::Healthy);
    book.lost("agents", "/root/components/agents/w1", "killed");
    let report = book.report();
    assert_eq!(report.overall_status, HealthStatus::Degraded);
    let message = report.components[0].message.clone().expect("says which");
    assert!(message.contains("agents/w1 is down: killed"), "{message}");
    book.found("agents", "/root/components/agents/w1");
    assert_eq!(book.report().overall_status, HealthStatus::Healthy);
    let many = (0..20).map(|n| (format!("w{n:02}"), "lost".to_owned())).collect::<BTreeMap<_, _>>();
    book.lost_are("agents", many);
    let message = book.report().components[0].message.clone().expect("says which");
    assert!(message.ends_with("and 12 more"), "{message}");
}

/// S7.1-16, S7.1-17, S7.1-18
#[test]
fn the_probes_have_their_numbers() {
    let told = |probe: ProbeSettings| {
        let seconds = [probe.initial_delay, probe.period, probe.timeout].map(|time| time.as_secs());
        (seconds, probe.success_threshold, probe.failure_threshold)
    };
    assert_eq!(told(ProbeSettings::STARTUP), ([10, 5, 3], 1, 3));
    assert_eq!(told(ProbeSettings::LIVENESS), ([0, 10, 5], 1, 3));
    assert_eq!(told(ProbeSettings::READINESS), ([0, 5, 3], 1, 3));
}

#[test]
fn one_good_look_between_bad_ones_starts_the_count_again() {
    let mut probe = Probe::new(ProbeSettings::READINESS, true);
    let looks = [false, false, true, false, false];
    assert!(looks.iter().all(|look| probe.look(*look).is_none()));
    assert_eq!((probe.passes(), probe.failures()), (true, 2));
    assert_eq!(probe.look(false), Some(ProbeChange::Fails));
    assert_eq!(probe.failures(), 0);
}

proptest! {
    /// A probe changes its mind only after as many looks in a row as its threshold says.
    #[test]
    fn probes_change_only_at_their_thresholds(
        looks in prop::collection::vec(any::<bool>(), 0..60), good in 1..5_u32, bad in 1..5_u32,
    ) {
        let settings = ProbeSettings { success_threshold: good, failure_threshold: bad, ..ProbeSettings::READINESS };
        let mut probe = Probe::new(settings, true);
        for at in 0..looks.len() {
            let before = probe.passes();
            let change = probe.look(looks[at]);
            prop_assert_eq!(change.is_some(), probe.passes() != before);
            if change.is_some() {
                let needed = if looks[at] { good } else { bad } as usize;
                prop_assert!(at + 1 >= needed);
                prop_assert!(looks[at + 1 - needed..=at].iter().all(|look| *look == looks[at]));
            }
        }
    }

    /// The whole is unhealthy exactly when a critical component is named, and never better than any part makes it.
    #[test]
    fn the_whole_is_as_the_worst_part_makes_it(
        checks in prop::collection::vec((any::<bool>(), 0..4_usize, 1..5_u32), 0..8)
    ) {
        let mut book = HealthState::new(3);
        let mut worst = HealthStatus::Healthy;
        for (n, (critical, result, times)) in checks.iter().enumerate() {
            let weight = if *critical { Criticality::Critical } else { Criticality::Degradable };
            book.add(&format!("c{n}"), weight).expect("new");
            (0..*times).for_each(|_| book.record(&format!("c{n}"), results()[*result].clone()));
            worst = worst.max(contribution(weight, &results()[*result], *times, 3));
        }
        let report = book.report();
        prop_assert_eq!(report.overall_status, worst);
        prop_assert_eq!(report.critical_failures.is_empty(), worst < HealthStatus::Unhealthy);
        prop_assert_eq!(report.components.len(), checks.len());
    }
}
