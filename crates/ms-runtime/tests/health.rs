//! What a service says of its health.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "common/parts.rs"]
mod parts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ms_core::health::{Criticality, HealthResult, HealthStatus};
use ms_runtime::{Component, ComponentContext, ComponentSpec, Service, ShutdownReason};
use ms_supervisor::{ChildSpec, Supervisor};
use parts::{MS, Parts, Quirk, SECOND, builder, paused, real, real_settings, virtual_settings};
use tokio::time::{Instant, sleep};

async fn end(service: Service) {
    let _ = service.shut_down(ShutdownReason::Requested("over".to_owned())).await;
}

/// S4.4-01, S4.4-02, S4.4-06: one that hangs holds up nobody.
/// S2.1-06, S2.1-12
#[test]
fn components_are_asked_in_parallel_each_with_a_limit() {
    paused(async {
        let parts = Parts::default();
        let quick = ["a", "b", "c"].map(|name| parts.part(name));
        let hung = parts.odd("hung", Quirk::HangsInHealth).criticality(Criticality::Degradable);
        let all = quick.into_iter().chain([hung]);
        let service = builder(virtual_settings(), all).start().await.expect("degraded");
        let began = Instant::now();
        let report = service.health().check(10 * SECOND).await.expect("answers");
        let limit = 3 * SECOND;
        assert!(began.elapsed() < limit + 50 * MS, "{:?}", began.elapsed());
        let status = |name: &str| {
            report.components.iter().find(|one| one.name == name).expect("there").status
        };
        assert_eq!(["a", "b", "c"].map(status), [HealthStatus::Healthy; 3]);
        assert_eq!(status("hung"), HealthStatus::Unknown);
        assert_eq!(report.overall_status, HealthStatus::Degraded);
        assert!(report.check_duration >= limit && report.check_duration < limit + 50 * MS);
        end(service).await;
    });
}

/// S7.1-04, C14: every 10 s, from phase 8 on.
#[test]
fn components_are_asked_every_ten_seconds() {
    paused(async {
        let parts = Parts::default();
        let service = builder(virtual_settings(), [parts.part("a")]).start().await.expect("boots");
        parts.log.take();
        sleep(9 * SECOND).await;
        assert_eq!(parts.log.of("health").len(), 0);
        sleep(2 * SECOND).await;
        assert_eq!(parts.log.of("health").len(), 1);
        sleep(10 * SECOND).await;
        assert_eq!(parts.log.of("health").len(), 2);
        end(service).await;
    });
}

/// S7.1-15: off, nobody is asked; the three questions are answered all the same.
#[test]
fn without_checks_the_three_questions_are_still_answered() {
    paused(async {
        let parts = Parts::default();
        let mut settings = virtual_settings();
        settings.health.enabled = false;
        let all = [parts.odd("a", Quirk::Unhealthy)];
        let service = builder(settings, all).start().await.expect("boots");
        sleep(60 * SECOND).await;
        assert_eq!(parts.log.of("health").len(), 0);
        let health = service.health();
        assert!(health.startup() && health.live().await);
        assert!(health.ready().await.expect("answers").ready);
        end(service).await;
    });
}

/// Says what a counter makes of it.
struct Moody(Arc<AtomicUsize>);

impl Component for Moody {
    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        match self.0.load(Ordering::Relaxed) {
            0 => HealthResult::Healthy,
            1 => HealthResult::Unhealthy("db gone".to_owned()),
            _ => std::future::pending().await,
        }
    }
}

fn moody(mood: &Arc<AtomicUsize>) -> ComponentSpec {
    let mood = mood.clone();
    ComponentSpec::new("db", move || Moody(mood.clone()))
}

/// S4.4-08, S4.4-10, S7.1-18: shown at once, not ready at the third look, ready at the first good one.
#[test]
fn readiness_falls_at_its_threshold_and_liveness_does_not() {
    paused(async {
        let mood = Arc::new(AtomicUsize::new(0));
        let service = builder(virtual_settings(), [moody(&mood)]).start().await.expect("boots");
        let health = service.health();
        mood.store(1, Ordering::Relaxed);
        let report = health.check(SECOND).await.expect("answers");
        assert_eq!(report.overall_status, HealthStatus::Unhealthy);
        assert_eq!(report.critical_failures, ["db"]);
        assert!(health.ready().await.expect("answers").ready, "not yet: one look is none");
        sleep(16 * SECOND).await;
        let now = health.ready().await.expect("answers");
        assert!(!now.ready && now.report.components[0].message.as_deref() == Some("db gone"));
        assert!(health.live().await && health.startup(), "no restart mends a database");
        mood.store(0, Ordering::Relaxed);
        sleep(16 * SECOND).await;
        assert!(health.ready().await.expect("answers").ready);
        end(service).await;
    });
}

/// C8: a critical component that only hangs.
#[test]
fn a_critical_component_that_hangs_is_unhealthy_after_three_rounds() {
    paused(async {
        let mood = Arc::new(AtomicUsize::new(0));
        let service = builder(virtual_settings(), [moody(&mood)]).start().await.expect("boots");
        mood.store(2, Ordering::Relaxed);
        let mut seen = Vec::new();
        for _ in 0..3 {
            // A hung answer is still in the way of the next question; that is a timeout too.
            seen.push(service.health().check(10 * SECOND).await.expect("answers").overall_status);
        }
        use HealthStatus::{Degraded, Unhealthy};
        assert_eq!(seen, [Degraded, Degraded, Unhealthy]);
        end(service).await;
    });
}

struct Leaf;
impl actix::Actor for Leaf {
    type Context = ms_actor::Context<Self>;
}

/// The tree's own news: a killed child is named, and forgotten once it is back.
/// S1.2-01
#[test]
fn a_killed_actor_is_named_in_the_report_until_it_is_back() {
    paused(async {
        let parts = Parts::default();
        let calm = ms_core::Backoff {
            min: 5 * SECOND,
            max: 5 * SECOND,
            jitter: 0.0,
            reset_after: Duration::from_secs(600),
        };
        let agents = Supervisor::one_for_one("agents")
            .child(ChildSpec::actor("w1", || Leaf).backoff(calm))
            .child(ChildSpec::actor("w2", || Leaf));
        let all = [ComponentSpec::tree(agents), parts.part("store")];
        let service = builder(virtual_settings(), all).start().await.expect("boots");
        let components = service.root().supervisor("components").await.expect("there");
        let agents = components.supervisor("agents").await.expect("there");
        agents.get::<Leaf>("w1").await.expect("there").any().kill();
        sleep(SECOND).await;
        let report = service.health().ready().await.expect("answers").report;
        assert_eq!(report.overall_status, HealthStatus::Degraded);
        let message = report.components[0].message.clone().expect("says which");
        assert!(message.contains("/root/components/agents/w1 is down: killed"), "{message}");
        sleep(6 * SECOND).await;
        let report = service.health().check(SECOND).await.expect("answers");
        assert_eq!(report.overall_status, HealthStatus::Healthy, "{report:?}");
        end(service).await;
    });
}

/// Fails to start from its second life on.
struct Once(Arc<AtomicUsize>);

impl Component for Once {
    async fn init(&mut self, _: &ComponentContext) -> Result<(), ms_runtime::ComponentFailure> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(()),
            _ => {
                sleep(4 * SECOND).await;
                Ok(())
            }
        }
    }
}

/// A fact counts at once: no threshold for a critical component that does not run.
#[test]
fn a_critical_component_that_is_down_makes_the_service_unready_at_once() {
    paused(async {
        let lives = Arc::new(AtomicUsize::new(0));
        let spec = ComponentSpec::new("db", move || Once(lives.clone()));
        let service = builder(virtual_settings(), [spec]).start().await.expect("boots");
        let id = ms_core::lifecycle::ComponentId::new("db").expect("valid");
        let components = service.root().supervisor("components").await.expect("there");
        components.child(id.as_child()).await.expect("answers").expect("there").kill();
        sleep(100 * MS).await;
        let now = service.health().ready().await.expect("answers");
        assert!(!now.ready, "{now:?}");
        assert_eq!(now.report.critical_failures, ["db"]);
        assert!(
            now.report.components[0].message.as_deref().is_some_and(|why| why.contains("killed"))
        );
        sleep(5 * SECOND).await;
        assert!(service.health().ready().await.expect("answers").ready);
        end(service).await;
    });
}

/// S7.2-04: a root that does not answer is not alive; the question itself has a limit.
#[test]
fn liveness_fails_when_the_root_supervisor_does_not_answer() {
    paused(async {
        let service = builder(virtual_settings(), []).start().await.expect("boots");
        let health = service.health();
        assert!(health.live().await);
        service.root().any().suspend();
        let began = Instant::now();
        assert!(!health.live().await);
        assert!(began.elapsed() < 6 * SECOND, "the liveness probe's 5 s");
        service.root().any().resume();
        assert!(health.live().await);
        end(service).await;
        assert!(!health.live().await && health.ready().await.is_err());
    });
}

/// S4.4-06 on real threads: one that blocks its thread holds up nobody either.
#[test]
fn a_check_that_blocks_its_thread_is_a_timeout_and_no_more() {
    struct Stone;
    impl Component for Stone {
        #[allow(clippy::disallowed_methods, reason = "the fault under test")]
        async fn health(&mut self, _: &ComponentContext) -> HealthResult {
            std::thread::sleep(2 * SECOND);
            HealthResult::Healthy
        }
    }
    real(async {
        let mut settings = real_settings();
        settings.health.readiness.timeout = 300 * MS;
        let stone = ComponentSpec::new("stone", || Stone).criticality(Criticality::Degradable);
        let service = builder(settings, [stone]).start().await.expect("degraded");
        let report = service.health().ready().await.expect("answers").report;
        assert_eq!(
            report.components[0].message.as_deref(),
            Some("did not answer in time, 1 in a row")
        );
        end(service).await;
    });
}

/// S9.2-05: features that a fallback switched off degrade the report, also for a health actor
/// that was not there when it happened; a new life of the fallback has all of them on.
#[test]
fn features_that_are_off_degrade_the_report_until_they_are_on_again() {
    use ms_resilience::{Fallback, FallbackActor, FallbackStrategy, fallback_blueprint};
    paused(async {
        let strategies =
            vec![FallbackStrategy::<u8, u8>::Degrade { features: vec!["export".to_owned()] }];
        let fallback = ChildSpec::blueprint("fallback", fallback_blueprint(strategies));
        let tree = Supervisor::one_for_one("search").child(fallback);
        let all = [ComponentSpec::tree(tree)];
        let service = builder(virtual_settings(), all).start().await.expect("boots");
        let components = service.root().supervisor("components").await.expect("there");
        let search = components.supervisor("search").await.expect("there");
        let actor = search.get::<FallbackActor<u8, u8>>("fallback").await.expect("there");
        let fallback = Fallback::new(actor.clone());
        let call = async |good: bool| {
            let outcome = if good { Ok(1) } else { Err("away") };
            drop(fallback.call(1, async { outcome }).await);
            sleep(100 * MS).await;
        };
        let expect = async |status: HealthStatus| {
            let now = service.health().ready().await.expect("answers");
            assert!(now.ready, "degraded, and still of use: {now:?}");
            assert_eq!(now.report.overall_status, status, "{now:?}");
            now.report.components[0].message.clone()
        };
        expect(HealthStatus::Healthy).await;
        call(false).await;
        let message = expect(HealthStatus::Degraded).await.expect("says what");
        assert_eq!(message, "/root/components/search/fallback has switched off: export");
        sleep(30 * SECOND).await;
        expect(HealthStatus::Degraded).await;
        call(true).await;
        expect(HealthStatus::Healthy).await;

        call(false).await;
        let health = service.root().find(&"/root/health".parse().expect("a path")).await;
        health.expect("there").kill();
        sleep(SECOND).await;
        expect(HealthStatus::Degraded).await;
        actor.any().kill();
        sleep(SECOND).await;
        expect(HealthStatus::Healthy).await;
        end(service).await;
    });
}
