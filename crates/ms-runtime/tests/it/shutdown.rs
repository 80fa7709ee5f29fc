//! The shutdown of services: in seven steps, within one deadline, whatever hangs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ms_core::lifecycle::ComponentId;
use ms_runtime::logic::shutdown::{ShutdownPhase, StopOutcome};
use ms_runtime::{
    CleanupError, CleanupFuture, CleanupHandler, CleanupOutcome, ComponentFailure, ConnectionPool,
    DatabaseCleanupHandler, GateError, PersistFuture, RunEnd, Service, ServiceStage, SettingsError,
    ShutdownError, ShutdownReason, ShutdownSummary, SnapshotStore, StateSnapshot,
};
use parts::{
    Log, MS, Parts, Quirk, SECOND, builder, paused, real, real_settings, virtual_settings,
};
use tokio::time::{Instant, sleep};

use crate::parts;

fn term() -> ShutdownReason {
    ShutdownReason::Signal("SIGTERM")
}

/// Keeps the snapshots that it gets.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<StateSnapshot>>>, bool);

impl SnapshotStore for Shelf {
    fn save(&self, snapshots: Vec<StateSnapshot>, _: Duration) -> PersistFuture<'_> {
        let failed =
            |one: &StateSnapshot| (one.component.clone(), ComponentFailure::from("disk full"));
        let failures = if self.1 { snapshots.iter().map(failed).collect() } else { Vec::new() };
        self.0.lock().expect("unpoisoned").extend(snapshots);
        Box::pin(async move { failures })
    }
}

/// A cleanup handler that behaves as it is set.
struct Sweep {
    name: &'static str,
    priority: u32,
    log: Log,
    does: Does,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Well,
    Fails,
    Hangs,
    Panics,
    NotVerified,
}

impl CleanupHandler for Sweep {
    fn name(&self) -> &str {
        self.name
    }
    fn priority(&self) -> u32 {
        self.priority
    }
    fn cleanup(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        self.log.add(format!("cleanup {}", self.name));
        Box::pin(async {
            match self.does {
                Does::Fails => Err(CleanupError::Failed("no".into())),
                Does::Hangs => std::future::pending().await,
                Does::Panics => panic!("swept too hard"),
                Does::Well | Does::NotVerified => Ok(()),
            }
        })
    }
    fn verify(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        self.log.add(format!("verify {}", self.name));
        Box::pin(async {
            match self.does {
                Does::NotVerified => Err(CleanupError::VerificationFailed("dust".to_owned())),
                _ => Ok(()),
            }
        })
    }
}

fn outcomes(summary: &ShutdownSummary) -> Vec<(String, &StopOutcome<ShutdownError>)> {
    summary.report.components.iter().map(|one| (one.id.to_string(), &one.outcome)).collect()
}

fn errors(summary: &ShutdownSummary) -> Vec<String> {
    let steps = summary.report.steps.iter();
    steps.flat_map(|step| step.errors.iter().map(ToString::to_string)).collect()
}

/// S5.1-02, S5.1-04, S5.1-07, S5.1-10, S5.1-11, S5.1-12, C5: all seven, in order.
#[test]
fn seven_steps_in_order_with_the_state_saved_before_anything_is_dropped() {
    paused(async {
        let parts = Parts::default();
        let shelf = Shelf::default();
        let sweep = Sweep { name: "sweep", priority: 5, log: parts.log.clone(), does: Does::Well };
        let all = [parts.odd("store", Quirk::HandsOver), parts.part("api").needs(["store"])];
        let builder = builder(virtual_settings(), all).snapshots(shelf.clone()).cleanup(sweep);
        let service = builder.start().await.expect("boots");
        parts.log.take();
        let end = service.shut_down(term()).await;
        let expected = [
            "quiesce api",
            "quiesce store",
            "stop api",
            "stop store",
            "drop api",
            "drop store",
            "cleanup sweep",
            "verify sweep",
        ];
        assert_eq!(parts.log.lines(), expected);
        let summary = end.shutdown.as_ref().expect("reported");
        let steps: Vec<_> = summary.report.steps.iter().map(|step| step.phase).collect();
        assert_eq!(steps, ShutdownPhase::ALL);
        assert!(summary.is_clean(), "{summary:?}");
        assert_eq!(end.code(), 0);
        let kept = shelf.0.lock().expect("unpoisoned").clone();
        let store = ComponentId::new("store").expect("valid");
        assert_eq!(
            kept,
            [StateSnapshot { component: store.clone(), schema: 3, bytes: b"store".to_vec() }]
        );
        assert_eq!(summary.snapshots, [store]);
    });
}

/// S5.1-05, S7.2-05: refused, and not ready.
#[test]
fn work_is_refused_and_the_service_is_not_ready_once_it_shuts_down() {
    paused(async {
        let parts = Parts::default();
        let service = builder(virtual_settings(), [parts.part("a")]).start().await.expect("boots");
        let (gate, health) = (service.gate().clone(), service.health());
        let permit = gate.enter().expect("open");
        let look = actix_rt::spawn(async move {
            sleep(SECOND).await;
            let refused = gate.enter().expect_err("closed");
            let ready = health.ready().await.expect("answers");
            let live = health.live().await;
            drop(permit);
            (refused, ready.ready, ready.stage, live)
        });
        let end = service.shut_down(term()).await;
        let seen = look.await.expect("looked");
        assert_eq!(seen, (GateError::Closed, false, ServiceStage::Stopping, true));
        assert_eq!(end.code(), 0);
    });
}

/// S5.1-06: work in flight comes to its end; work without an end does not delay the shutdown
/// forever.
#[test]
fn work_in_flight_is_waited_for_and_no_longer_than_its_time() {
    paused(async {
        let start = || async {
            builder(virtual_settings(), [Parts::default().part("a")]).start().await.expect("boots")
        };
        let service = start().await;
        let permit = service.gate().enter().expect("open");
        actix_rt::spawn(async move {
            sleep(2 * SECOND).await;
            drop(permit);
        });
        let began = Instant::now();
        let end = service.shut_down(term()).await;
        assert!(began.elapsed() >= 2 * SECOND && began.elapsed() < 3 * SECOND);
        assert!(end.shutdown.expect("reported").is_clean());
        let service = start().await;
        let permit = service.gate().enter().expect("open");
        let end = service.shut_down(term()).await;
        let summary = end.shutdown.expect("reported");
        assert!(summary.report.total < 25 * SECOND, "{:?}", summary.report.total);
        let errors = errors(&summary);
        assert!(errors.len() == 1 && errors[0].starts_with("1 work item(s)"), "{errors:?}");
        drop(permit);
    });
}

/// S5.1-08, S5.1-09, S5.1-13: hung, broken and panicking components; the rest still stops.
/// S5.1-14
#[test]
fn a_component_that_hangs_fails_or_panics_in_its_stop_keeps_no_other_from_its_own() {
    paused(async {
        let parts = Parts::default();
        let all = [
            parts.odd("a", Quirk::HandsOver),
            parts.odd("b", Quirk::HangsInStop).needs(["a"]),
            parts.odd("c", Quirk::FailsStop).needs(["b"]),
            parts.odd("d", Quirk::PanicsInStop).needs(["c"]),
            parts.part("e").needs(["d"]),
        ];
        let shelf = Shelf::default();
        let service = builder(virtual_settings(), all).snapshots(shelf.clone());
        let service = service.start().await.expect("boots");
        let began = Instant::now();
        let end = service.shut_down(term()).await;
        assert!(began.elapsed() < 30 * SECOND);
        assert_eq!(parts.log.of("stop"), ["e", "d", "c", "b", "a"]);
        let summary = end.shutdown.as_ref().expect("reported");
        let outcomes = outcomes(summary);
        let texts: Vec<_> = outcomes
            .iter()
            .map(|(id, outcome)| match outcome {
                StopOutcome::Stopped => format!("{id} stopped"),
                StopOutcome::Failed(ShutdownError::Component(why)) => format!("{id}: {why}"),
                StopOutcome::Failed(ShutdownError::Exited(_)) => format!("{id} panicked"),
                StopOutcome::Forced => format!("{id} forced"),
                other => format!("{id} {other:?}"),
            })
            .collect();
        assert_eq!(texts, ["e stopped", "d panicked", "c: still busy", "b forced", "a stopped"]);
        assert_eq!(shelf.0.lock().expect("unpoisoned").len(), 1, "a's state is saved");
        // Five that started, and the idle life that followed d's panic.
        assert_eq!(parts.log.of("drop").len(), 6, "nothing is left");
        assert!(!summary.is_clean());
        // b was killed, though the tree stopped in order after it.
        assert_eq!((end.outcome.end, end.code()), (RunEnd::Forced, 1));
    });
}

/// S5.1-08 on real threads: a component that blocks its thread is left behind.
#[test]
fn a_component_that_blocks_its_thread_is_left_behind() {
    struct Stone;
    impl ms_runtime::Component for Stone {
        #[allow(clippy::disallowed_methods, reason = "the fault under test")]
        async fn stop(
            &mut self,
            _: &ms_runtime::ComponentContext,
        ) -> Result<Option<StateSnapshot>, ComponentFailure> {
            std::thread::sleep(Duration::MAX);
            Ok(None)
        }
    }
    real(async {
        let parts = Parts::default();
        let mut settings = real_settings();
        settings.shutdown.stop_within = SECOND / 2;
        let all =
            [parts.part("base"), ms_runtime::ComponentSpec::new("stone", || Stone).needs(["base"])];
        let service = builder(settings, all).start().await.expect("boots");
        let end = service.shut_down(term()).await;
        let summary = end.shutdown.as_ref().expect("reported");
        assert!(matches!(
            outcomes(summary)[..],
            [(_, StopOutcome::Forced | StopOutcome::Abandoned), (_, StopOutcome::Stopped)]
        ));
        assert_eq!(parts.log.of("stop"), ["base"]);
        assert_eq!(end.code(), 1);
    });
}

/// S5.1-14: a second order changes nothing, and gets the same summary.
#[test]
fn a_second_order_joins_the_first() {
    paused(async {
        let parts = Parts::default();
        let service = builder(virtual_settings(), [parts.part("a")]).start().await.expect("boots");
        let (one, other) = tokio::join!(service.wind_down(term()), service.wind_down(term()));
        let (one, other) = (one.expect("reported"), other.expect("reported"));
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(service.stage(), ServiceStage::Stopped);
        let end = service.shut_down(term()).await;
        assert!(end.shutdown.as_ref().is_some_and(|third| Arc::ptr_eq(&one, third)));
        assert_eq!((end.code(), parts.log.of("stop")), (0, vec!["a".to_owned()]));
    });
}

/// S5.1-03: after a second signal it does not wait for what hangs.
#[test]
fn a_second_signal_cuts_the_shutdown_short() {
    paused(async {
        let parts = Parts::default();
        let all = [parts.odd("a", Quirk::HangsInStop)];
        let service = builder(virtual_settings(), all).start().await.expect("boots");
        let began = Instant::now();
        let end = service.shut_down_or(term(), sleep(SECOND)).await;
        assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
        assert_eq!(end.code(), 1);
        assert!(end.shutdown.is_some_and(|summary| summary.report.hurried));
    });
}

/// S5.1-10: a disk that fails is reported, and the shutdown goes on.
#[test]
fn state_that_cannot_be_saved_is_reported_and_skips_nothing() {
    paused(async {
        let parts = Parts::default();
        let shelf = Shelf(Arc::default(), true);
        let builder = builder(virtual_settings(), [parts.odd("a", Quirk::HandsOver)]);
        let service = builder.snapshots(shelf).start().await.expect("boots");
        let end = service.shut_down(term()).await;
        let summary = end.shutdown.as_ref().expect("reported");
        assert_eq!(errors(summary), ["state was not saved"]);
        assert_eq!((summary.report.steps.len(), parts.log.of("drop").len()), (7, 1));
    });
}

/// S7.2-17: the shutdown fits into the grace of Kubernetes, or the settings are refused.
#[test]
fn a_deadline_that_does_not_fit_into_the_grace_is_refused() {
    let mut settings = real_settings();
    settings.check().expect("25 s and 5 s fit into 30 s");
    settings.shutdown.deadline = 26 * SECOND;
    let error = settings.check().expect_err("does not fit");
    assert!(matches!(error, SettingsError::GraceTooShort { .. }));
    assert!(error.to_string().contains("shutdown.kubernetes_grace"), "{error}");
    settings.shutdown.grace = 31 * SECOND;
    settings.check().expect("fits again");
    settings.shutdown.deadline = 10 * MS;
    assert!(settings.check().is_err());
    let error = builder(settings, []).run().expect_err("refused");
    assert_eq!(error.code(), 8);
}

// ---- cleanup ----

async fn clean(
    handlers: Vec<(&'static str, u32, Does)>,
) -> (Vec<String>, Vec<(String, CleanupOutcome)>) {
    let log = Log::default();
    let builder = handlers.into_iter().fold(builder(virtual_settings(), []), |builder, one| {
        let (name, priority, does) = one;
        builder.cleanup(Sweep { name, priority, log: log.clone(), does })
    });
    let end = builder.start().await.expect("boots").shut_down(term()).await;
    let summary = Arc::into_inner(end.shutdown.expect("reported")).expect("nobody else holds it");
    (log.of("cleanup"), summary.cleanup.expect("ran").handlers)
}

/// However many handlers hang: the last ones find no time left, and the report still comes.
#[test]
fn a_cleanup_handler_has_no_more_time_than_is_left_for_all() {
    paused(async {
        let hangs = (0..40).map(|n| (&*format!("h{n:02}").leak(), 1, Does::Hangs)).collect();
        let (begun, outcomes) = clean(hangs).await;
        assert_eq!(outcomes.len(), 40);
        assert!((1..40).contains(&begun.len()), "{} were begun", begun.len());
        let (last, outcome) = outcomes.last().expect("there are forty");
        assert!(
            matches!(outcome, CleanupOutcome::Failure(CleanupError::NoTime)),
            "{last}: {outcome:?}"
        );
    });
}

/// S5.2-01, S5.2-02, S5.2-03, C9: lower first, by name among equals; three outcomes.
#[test]
fn cleanup_handlers_run_by_priority_and_each_has_its_outcome() {
    paused(async {
        let (order, outcomes) = clean(vec![
            ("late", 100, Does::Well),
            ("b", 10, Does::Fails),
            ("a", 10, Does::NotVerified),
            ("first", 1, Does::Hangs),
            ("panics", 50, Does::Panics),
        ])
        .await;
        assert_eq!(order, ["first", "a", "b", "panics", "late"]);
        let text = |(name, outcome): &(String, CleanupOutcome)| match outcome {
            CleanupOutcome::Success(_) => format!("{name} ok"),
            CleanupOutcome::Failure(why) => format!("{name}: {why}"),
            CleanupOutcome::VerificationFailure(why) => format!("{name} unverified: {why}"),
        };
        let texts: Vec<_> = outcomes.iter().map(text).collect();
        assert_eq!(texts[0], "first: it was not done within 2s");
        assert_eq!(texts[1], "a unverified: it is not clean: dust");
        assert_eq!(texts[2], "b: it failed");
        assert_eq!(texts[3], "panics: it panicked: swept too hard");
        assert_eq!(texts[4], "late ok");
    });
}

#[derive(Default)]
struct Pool(AtomicBool, bool);

impl ConnectionPool for Pool {
    fn name(&self) -> &str {
        "postgres"
    }
    fn close(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        self.0.store(!self.1, Ordering::Release);
        Box::pin(async { Ok(()) })
    }
    fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// S5.2-04, S5.2-05, S5.2-06, S5.2-07, S5.2-09: closed and verified; there is no way to flush.
#[test]
fn databases_are_closed_late_and_verified_and_never_emptied() {
    paused(async {
        let (good, bad) = (Arc::new(Pool::default()), Arc::new(Pool(AtomicBool::new(false), true)));
        let handler = DatabaseCleanupHandler::new(vec![good.clone()]);
        assert_eq!((handler.name(), handler.priority()), ("database_connections", 100));
        assert_eq!(DatabaseCleanupHandler::new(vec![]).with_priority(7).priority(), 7);
        let both = DatabaseCleanupHandler::new(vec![bad, good.clone()]);
        let service = builder(virtual_settings(), []).cleanup(both).start().await.expect("boots");
        let end = service.shut_down(term()).await;
        assert!(good.is_closed());
        let cleanup = end.shutdown.as_ref().and_then(|summary| summary.cleanup.as_ref());
        let (name, outcome) = &cleanup.expect("ran").handlers[0];
        assert_eq!(name, "database_connections");
        let CleanupOutcome::VerificationFailure(why) = outcome else { panic!("{outcome:?}") };
        assert!(why.to_string().contains("still open: postgres"), "{why}");
    });
}

/// Leaves something open for as long as the test wants.
struct Leaky(Arc<Mutex<Vec<ms_runtime::OpenResource>>>, bool);

impl ms_runtime::Component for Leaky {
    async fn start(&mut self, cx: &ms_runtime::ComponentContext) -> Result<(), ComponentFailure> {
        self.0.lock().expect("unpoisoned").push(cx.track("lease 7"));
        Ok(())
    }
    async fn stop(
        &mut self,
        _: &ms_runtime::ComponentContext,
    ) -> Result<Option<StateSnapshot>, ComponentFailure> {
        if self.1 {
            self.0.lock().expect("unpoisoned").clear();
        }
        Ok(None)
    }
}

async fn leaky(closes: bool) -> (Service, Arc<Mutex<Vec<ms_runtime::OpenResource>>>) {
    let held = Arc::<Mutex<Vec<_>>>::default();
    let shared = held.clone();
    let spec = ms_runtime::ComponentSpec::new("locks", move || Leaky(shared.clone(), closes));
    (builder(virtual_settings(), [spec]).start().await.expect("boots"), held)
}

/// S5.2-08: what is open is listed; what is left open is named at the end.
#[test]
fn open_resources_are_listed_and_a_leak_is_named() {
    paused(async {
        let (service, held) = leaky(false).await;
        let id = ComponentId::new("cleanup").expect("valid");
        let cleanup = service.root().child(id.as_child()).await.expect("answers").expect("there");
        let state = cleanup.state(SECOND).await.expect("answers").expect("has a view");
        assert!(state.to_string().contains("locks: lease 7"), "{state}");
        let end = service.shut_down(term()).await;
        let summary = end.shutdown.as_ref().expect("reported");
        assert_eq!(errors(summary), ["left open: locks: lease 7"]);
        drop(held);
        let (service, _held) = leaky(true).await;
        let end = service.shut_down(term()).await;
        assert!(end.shutdown.expect("reported").is_clean());
    });
}
