//! The health that a service reports.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::parts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ms_core::health::{Criticality, HealthResult, HealthStatus};
use ms_runtime::{
    Component, ComponentContext, ComponentSpec, PathFuture, ReadinessPath, Service, ShutdownReason,
};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use parts::{MS, Parts, Quirk, SECOND, builder, paused, real, real_settings, virtual_settings};
use tokio::time::{Instant, sleep};

async fn end(service: Service) {
    let _ = service.shut_down(ShutdownReason::Requested("over".to_owned())).await;
}

/// S4.4-01, S4.4-02, S4.4-06: a component that hangs delays nobody.
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

/// S7.1-15: switched off, no component is asked, and the three probes still answer.
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

/// Answers by a counter.
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

/// S4.4-08, S4.4-10, S7.1-18: shown at once, not ready at the third check, ready at the first good
/// one. To read what is known already counts for nothing, however often.
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
        assert!(health.ready().await.expect("answers").ready, "not yet: one check is none");
        sleep(16 * SECOND).await;
        assert!(health.ready().await.expect("answers").ready, "two checks, and three looks");
        sleep(8 * SECOND).await;
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

/// Events of the tree: a killed child is named, and no longer once it is back.
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
        let agents = SupervisorSpec::one_for_one("agents")
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

/// Fails to start from its second incarnation on.
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

/// A critical component that does not run counts at once, without a threshold.
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

/// S7.2-04: a suspended root answers nobody. From the third look on it is not alive, and after the
/// first good look it is again.
#[test]
fn liveness_fails_when_the_root_supervisor_does_not_answer() {
    paused(async {
        let service = builder(virtual_settings(), []).start().await.expect("boots");
        let health = service.health();
        assert!(health.live().await);
        service.root().any().suspend();
        sleep(31 * SECOND).await;
        assert!(!health.live().await);
        service.root().any().resume();
        sleep(11 * SECOND).await;
        assert!(health.live().await);
        end(service).await;
        assert!(!health.live().await && health.ready().await.is_err());
    });
}

/// S4.4-06 on real threads: a component that blocks its thread delays nobody either.
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

/// S9.2-05: features that a fallback switched off degrade the report, also after a restart of the
/// health actor. After a restart of the fallback all of them are on.
#[test]
fn features_that_are_off_degrade_the_report_until_they_are_on_again() {
    use ms_resilience::{Fallback, FallbackActor, FallbackStrategy};
    paused(async {
        let strategies =
            vec![FallbackStrategy::<u8, u8>::Degrade { features: vec!["export".to_owned()] }];
        let fallback = ChildSpec::blueprint("fallback", Fallback::in_tree(strategies).1);
        let tree = SupervisorSpec::one_for_one("search").child(fallback);
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

/// A path that a flag closes, and a path without an end.
struct Way(Arc<AtomicUsize>);

impl ReadinessPath for Way {
    fn name(&self) -> &str {
        "way"
    }

    fn walk(&self) -> PathFuture<'_> {
        Box::pin(async {
            match self.0.load(Ordering::Relaxed) {
                0 => Ok(()),
                1 => Err("a tree lies across it".to_owned()),
                _ => std::future::pending().await,
            }
        })
    }
}

/// Requests for checks do not use up the threshold: one per period counts.
#[test]
fn checks_that_are_asked_for_count_once_in_a_period() {
    paused(async {
        let mood = Arc::new(AtomicUsize::new(0));
        let service = builder(virtual_settings(), [moody(&mood)]).start().await.expect("boots");
        mood.store(1, Ordering::Relaxed);
        for _ in 0..5 {
            let report = service.health().check(SECOND).await.expect("answers");
            assert_eq!(report.critical_failures, ["db"]);
        }
        assert!(ready(&service).await, "one bad check");
        end(service).await;
    });
}

async fn ready(service: &Service) -> bool {
    service.health().ready().await.expect("answers").ready
}

/// Row 17: every component reports that it is well, and work does not get through. Each key of the
/// readiness probe has its effect: walks are `period` apart, a walk that takes longer than
/// `timeout` fails, and the thresholds count walks.
#[test]
fn a_path_that_is_closed_makes_the_service_unready_at_its_threshold() {
    for (closed, why) in [(1, "a tree lies across it"), (2, "no answer within 1s")] {
        paused(async move {
            let mood = Arc::new(AtomicUsize::new(0));
            let mut settings = virtual_settings();
            settings.health.readiness.period = 2 * SECOND;
            settings.health.readiness.timeout = SECOND;
            settings.health.readiness.failure_threshold = 2;
            settings.health.readiness.success_threshold = 2;
            let parts = Parts::default();
            let built = builder(settings, [parts.part("a")]).readiness_path(Way(mood.clone()));
            let service = built.start().await.expect("boots");
            // In the middle between two walks.
            sleep(11 * SECOND).await;
            assert!(ready(&service).await);
            mood.store(closed, Ordering::Relaxed);
            sleep(2500 * MS).await;
            let now = service.health().ready().await.expect("answers");
            assert!(now.ready, "one failed walk is none");
            assert_eq!(now.paths.len(), 1);
            sleep(2 * SECOND).await;
            let now = service.health().ready().await.expect("answers");
            assert!(!now.ready, "two are");
            assert_eq!(now.paths[0].why.as_deref(), Some(why));
            assert_eq!(now.report.critical_failures, [""; 0], "no component says so");
            assert!(service.health().live().await);
            mood.store(0, Ordering::Relaxed);
            sleep(2 * SECOND).await;
            assert!(!ready(&service).await, "one good walk is none");
            sleep(2 * SECOND).await;
            assert!(ready(&service).await, "two are");
            end(service).await;
        });
    }
}

/// Row 19: with an interval longer than the probe's period one bad check is one bad check.
#[test]
fn readiness_counts_a_check_once_however_long_it_stands() {
    paused(async {
        let mood = Arc::new(AtomicUsize::new(0));
        let mut settings = virtual_settings();
        settings.health.interval = 60 * SECOND;
        let service = builder(settings, [moody(&mood)]).start().await.expect("boots");
        mood.store(1, Ordering::Relaxed);
        // The check at 60 s, and a dozen looks at what it said.
        sleep(119 * SECOND).await;
        assert!(ready(&service).await, "one bad check");
        sleep(60 * SECOND).await;
        assert!(ready(&service).await, "two");
        sleep(60 * SECOND).await;
        assert!(!ready(&service).await, "three");
        end(service).await;
    });
}

/// Row 19: `readiness_probe.initial_delay` and `success_threshold`: not ready before as many good
/// checks, the first of them after the delay.
#[test]
fn with_a_delay_a_service_is_ready_when_its_first_checks_say_so() {
    paused(async {
        let mut settings = virtual_settings();
        settings.health.readiness.initial_delay = 20 * SECOND;
        settings.health.readiness.success_threshold = 2;
        let parts = Parts::default();
        let service = builder(settings, [parts.part("a")])
            .readiness_path(Way(Arc::default()))
            .start()
            .await
            .expect("boots");
        assert!(service.health().startup(), "started is not ready");
        sleep(19 * SECOND).await;
        assert!(!ready(&service).await);
        sleep(3 * SECOND).await;
        assert!(!ready(&service).await, "one good check is not enough");
        sleep(20 * SECOND).await;
        assert!(ready(&service).await);
        end(service).await;
    });
}

/// S7.1-16, row 19: the keys of the startup probe. A boot that is not done after so many looks, the
/// first after the delay, is overdue. Once it is done, it takes so many good looks to be started.
#[test]
fn the_startup_probe_counts_its_looks() {
    paused(async {
        let mut settings = virtual_settings();
        settings.health.startup.initial_delay = 2 * SECOND;
        settings.health.startup.period = SECOND;
        settings.health.startup.failure_threshold = 2;
        settings.health.startup.success_threshold = 3;
        settings.boot.start_within = 60 * SECOND;
        let slow = ComponentSpec::new("slow", || Slow(8500 * MS)).start_within(60 * SECOND);
        let service = builder(settings, [slow]).start().await.expect("boots");
        let health = service.health();
        assert!(health.startup_overdue(), "8.5 s, and two looks at 3 s and 4 s");
        assert!(!health.startup(), "the first good look of three");
        sleep(2500 * MS).await;
        assert!(health.startup(), "and two more");
        end(service).await;

        let mut settings = virtual_settings();
        settings.health.startup.initial_delay = 2 * SECOND;
        settings.health.startup.period = SECOND;
        settings.health.startup.failure_threshold = 20;
        let slow = ComponentSpec::new("slow", || Slow(8500 * MS)).start_within(60 * SECOND);
        let service = builder(settings, [slow]).start().await.expect("boots");
        assert!(!service.health().startup_overdue(), "twenty looks have not been");
        assert!(service.health().startup());
        end(service).await;
    });
}

/// Takes a while to start.
struct Slow(Duration);

impl Component for Slow {
    async fn start(&mut self, _: &ComponentContext) -> Result<(), ms_runtime::ComponentFailure> {
        sleep(self.0).await;
        Ok(())
    }
}

/// S7.1-17, row 19: the liveness probe with its defaults, on a root that does not answer any more:
/// looks are 10 s apart, each waits for 5 s, and the third bad one counts.
#[test]
fn liveness_falls_at_its_threshold_when_the_root_hangs() {
    paused(async {
        let parts = Parts::default();
        let settings = virtual_settings();
        let service = builder(settings, [parts.part("a")]).start().await.expect("boots");
        let health = service.health();
        sleep(31 * SECOND).await;
        assert!(health.live().await);
        service.root().any().inject(ms_actor::Fault::Hang);
        // Looks at 40 s and 50 s find it silent for longer than the timeout, that at 60 s is the
        // third.
        sleep(28 * SECOND).await;
        assert!(health.live().await, "two bad looks");
        sleep(8 * SECOND).await;
        assert!(!health.live().await, "three");
        service.root().any().kill();
        end(service).await;
    });
}

/// Row 18: liveness does not queue behind a child's start, however long that takes.
#[test]
fn liveness_does_not_wait_for_a_start_that_is_under_way() {
    paused(async {
        let parts = Parts::default();
        let mut settings = virtual_settings();
        settings.health.liveness.timeout = 100 * MS;
        // No look of the probe's own, so that each question is looked at anew.
        settings.health.liveness.initial_delay = 3_600 * SECOND;
        let service = builder(settings, [parts.part("a")]).start().await.expect("boots");
        // The root waits for it, and whatever else the root is asked to do waits behind that.
        let root = service.root().clone();
        let dawdler = ChildSpec::actor("dawdler", || Dawdler);
        let starting = tokio::task::spawn_local(async move { root.start_child(dawdler).await });
        sleep(SECOND).await;
        let root = service.root().clone().within(SECOND);
        assert!(root.count_children().await.is_err(), "it waits for the start");
        assert!(service.health().live().await, "it starts something, and it lives");
        starting.await.expect("no panic").expect("starts");
        end(service).await;
    });
}

/// Takes half a minute to start.
struct Dawdler;

impl actix::Actor for Dawdler {
    type Context = ms_actor::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        use actix::AsyncContext;
        ctx.wait(actix::fut::wrap_future::<_, Self>(sleep(30 * SECOND)));
    }
}
