//! How the components of a service get along, in virtual time.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ms_core::health::HealthResult;
use ms_core::interactions::InteractionMetrics;
use ms_core::lifecycle::ComponentId;
use ms_runtime::logic::interactions::{CallOutcome, IncidentChange};
use ms_runtime::{
    Call, Calls, Component, ComponentContext, ComponentSpec, InteractionObserver, Service,
    ShutdownReason,
};
use parts::{MS, Parts, Quirk, SECOND, builder, paused, virtual_settings};
use tokio::time::sleep;

use crate::parts;

async fn end(service: Service) {
    let _ = service.shut_down(ShutdownReason::Requested("over".to_owned())).await;
}

async fn metrics(service: &Service) -> InteractionMetrics {
    service.interactions().metrics().await.expect("answers")
}

fn score(metrics: &InteractionMetrics, name: &str) -> f64 {
    let found = metrics.health_scores.iter().find(|one| one.component == name);
    found.and_then(|one| one.score).unwrap_or_else(|| panic!("no score of {name}: {metrics:?}"))
}

/// Is as well as a number says, and takes its time to say so.
struct Moody(Arc<AtomicU8>);

impl Component for Moody {
    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        sleep(40 * MS).await;
        match self.0.load(Ordering::Relaxed) {
            0 => HealthResult::Healthy,
            1 => HealthResult::Degraded("slow".to_owned()),
            _ => HealthResult::Unhealthy("gone".to_owned()),
        }
    }
}

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<(Vec<IncidentChange>, usize)>>);

impl InteractionObserver for Witness {
    fn called(&self, _: &Call) {
        self.0.lock().expect("unpoisoned").1 += 1;
    }

    fn incident(&self, change: &IncidentChange) {
        self.0.lock().expect("unpoisoned").0.push(change.clone());
    }
}

/// S10.1-04, S10.2-04, S10.2-01: a component is unhealthy from one look, and healthy again at a later
/// one; degraded in between is no recovery. Times are exact, for time is virtual.
#[test]
fn s10_1_04_the_time_to_recovery_is_from_the_bad_look_to_the_good_one() {
    paused(async {
        let mood = Arc::new(AtomicU8::new(0));
        let shared = mood.clone();
        let db = ComponentSpec::new("db", move || Moody(shared.clone()));
        let witness = Witness::default();
        let all = builder(virtual_settings(), [db, Parts::default().part("calm")]);
        let service = all.interaction_observer(witness.clone()).start().await.expect("boots");
        let look = async |now: u8, later: Duration| {
            sleep(later).await;
            mood.store(now, Ordering::Relaxed);
            // What is asked by itself every ten seconds finds the same.
            service.health().check(SECOND).await.expect("answers")
        };
        assert_eq!(metrics(&service).await.mean_time_to_recovery_ms, None);
        assert_eq!(score(&metrics(&service).await, "db"), 1.0, "it was verified at the boot");

        look(2, Duration::ZERO).await;
        let now = metrics(&service).await;
        assert_eq!((now.incidents, now.recovered, now.open_incidents.len()), (1, 0, 1));
        let opened = now.open_incidents[0].opened_ms;
        look(1, 3 * SECOND).await;
        assert_eq!(metrics(&service).await.open_incidents.len(), 1, "degraded is not healthy");
        look(0, 4 * SECOND).await;
        let now = metrics(&service).await;
        // 3 s and 4 s, and the two looks of 40 ms.
        assert_eq!(now.mean_time_to_recovery_ms, Some(7_080));
        let recovery = &now.recovery_times[0];
        assert_eq!((recovery.component.as_str(), recovery.opened_ms), ("db", opened));
        assert_eq!((recovery.took_ms, recovery.recovered_ms), (7_080, opened + 7_080));
        // The boot, unhealthy, degraded, healthy.
        assert_eq!(score(&now, "db"), 2.5 / 4.0);
        assert_eq!(score(&now, "calm"), 1.0);

        look(2, Duration::ZERO).await;
        look(0, SECOND - 40 * MS).await;
        let now = metrics(&service).await;
        assert_eq!(now.mean_time_to_recovery_ms, Some((7_080 + 1_000) / 2));
        let (incidents, calls) = witness.0.lock().expect("unpoisoned").clone();
        let closed = |change: &&IncidentChange| matches!(change, IncidentChange::Closed { .. });
        assert_eq!((incidents.len(), incidents.iter().filter(closed).count()), (4, 2));
        assert!(calls >= 12, "six rounds of two checks: {calls}");
        end(service).await;
    });
}

/// S10.2-04, S10.2-03: a crash is an incident at once, over when a look finds it healthy, and
/// counts as a failed operation.
#[test]
fn a_crash_opens_an_incident_that_the_next_good_look_closes() {
    paused(async {
        let service = builder(virtual_settings(), [Parts::default().part("db")])
            .start()
            .await
            .expect("boots");
        let components = service.root().supervisor("components").await.expect("there");
        let id = ComponentId::new("db").expect("valid");
        let before = metrics(&service).await;
        components.child(id.as_child()).await.expect("answers").expect("there").kill();
        sleep(SECOND).await;
        let now = metrics(&service).await;
        assert_eq!((now.incidents, now.recovered), (1, 0), "it runs, and nobody has looked yet");
        let failed = |metrics: &InteractionMetrics| {
            let one = metrics.error_rates.iter().find(|one| one.component == "db");
            one.map(|one| one.failed).expect("listed")
        };
        assert_eq!((failed(&before), failed(&now)), (0, 1));
        service.health().check(SECOND).await.expect("answers");
        let now = metrics(&service).await;
        assert_eq!(now.recovered, 1, "{now:?}");
        assert_eq!(now.mean_time_to_recovery_ms, Some(1_000));
        end(service).await;
    });
}

/// S10.2-02: health checks are calls, and so is what components report of each other; a report
/// that was made before the question is in the answer.
#[test]
fn latencies_are_kept_by_pair() {
    paused(async {
        let mood = Arc::new(AtomicU8::new(0));
        let db = ComponentSpec::new("db", move || Moody(mood.clone()));
        let hung = Parts::default().odd("hung", Quirk::HangsInHealth);
        let hung = hung.criticality(ms_core::health::Criticality::Degradable);
        let calls = Calls::new();
        let all = builder(virtual_settings(), [db, hung]).calls(&calls);
        let service = all.start().await.expect("boots, degraded");
        let to_db = calls.between("api", "db");
        let answer = to_db
            .time(async {
                sleep(7 * MS).await;
                Ok::<_, ()>(1)
            })
            .await;
        assert_eq!(answer, Ok(1));
        to_db.report(2 * SECOND, CallOutcome::Failed);
        let now = metrics(&service).await;
        let pair = |from: &str, to: &str| {
            let found = now.latencies.iter().find(|one| one.from == from && one.to == to);
            found.cloned().unwrap_or_else(|| panic!("no {from} -> {to}: {now:?}"))
        };
        let api = pair("api", "db");
        assert_eq!((api.count, api.failed, api.max_us), (2, 1, 2_000_000));
        assert_eq!((api.p50_us, api.mean_us), (10_000, 1_003_500));
        let check = pair("health", "db");
        assert_eq!((check.count, check.failed, check.max_us), (1, 0, 40_000));
        let check = pair("health", "hung");
        assert_eq!((check.count, check.failed, check.max_us), (1, 1, 3_000_000));
        assert_eq!(now.lost, 0);
        end(service).await;
    });
}

/// A new life of the actor takes reports again, and knows at the next round how all are.
#[test]
fn a_crash_of_the_actor_that_counts_costs_its_book_and_no_more() {
    paused(async {
        let calls = Calls::new();
        let all = builder(virtual_settings(), [Parts::default().odd("db", Quirk::None)]);
        let service = all.calls(&calls).start().await.expect("boots");
        let reporter = calls.between("api", "db");
        reporter.report(MS, CallOutcome::Done);
        let path = "/root/integration".parse().expect("a path");
        service.root().find(&path).await.expect("there").kill();
        sleep(SECOND).await;
        assert!(metrics(&service).await.latencies.is_empty(), "a fresh book");
        reporter.report(MS, CallOutcome::Done);
        service.health().check(SECOND).await.expect("answers");
        let now = metrics(&service).await;
        assert_eq!(now.latencies.len(), 2, "{now:?}");
        assert_eq!(score(&now, "db"), 1.0);
        assert!(service.health().ready().await.expect("answers").ready);
        end(service).await;
        calls.between("a", "b").report(MS, CallOutcome::Done);
    });
}
