//! The boot of services, and the rollback of a boot that fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use ms_core::Incarnation;
use ms_core::lifecycle::{ComponentId, Phase};
use ms_runtime::logic::boot::ComponentState;
use ms_runtime::logic::graph::GraphError;
use ms_runtime::preflight::{
    FileDescriptors, FreeDisk, PortFree, PreFlightCheck, PreFlightResult, StateDirectory,
};
use ms_runtime::{
    BootstrapError, Builder, Component, ComponentContext, ComponentFailure, ComponentSpec,
    InitializationError, ServiceStage, ServiceStartError, ShutdownReason,
};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use parts::{MS, Parts, Quirk, SECOND, builder, paused, real_settings, virtual_settings};
use tokio::time::Instant;

use crate::parts;

fn over() -> ShutdownReason {
    ShutdownReason::Requested("the test is over".to_owned())
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// Fails with this text.
struct Check(&'static str, PreFlightResult);

impl PreFlightCheck for Check {
    fn name(&self) -> String {
        self.0.to_owned()
    }
    fn execute(&self) -> PreFlightResult {
        self.1.clone()
    }
}

// ---- components and their order ----

/// S2.1-02, S2.1-03, S2.1-04, S2.1-05, S2.1-10, S1.1-01, S1.3-01: the composition shows in the
/// tree.
#[test]
fn components_start_after_what_they_need_and_show_in_the_tree() {
    paused(async {
        let parts = Parts::default();
        let all = [
            parts.part("api").needs(["store", "bus"]),
            parts.part("bus").needs(["store"]).phase(Phase::Core),
            parts.part("store").phase(Phase::Data),
        ];
        let service = builder(virtual_settings(), all).start().await.expect("boots");
        assert_eq!(parts.log.of("init"), ["store", "bus", "api"]);
        assert_eq!(parts.log.of("start"), ["store", "bus", "api"]);
        let tree = service.root().tree(None).await.expect("answers");
        let paths: Vec<_> = tree.walk().map(|node| node.status.path.to_string()).collect();
        let expected = [
            "",
            "/lifecycle",
            "/health",
            "/integration",
            "/emergency",
            "/cleanup",
            "/components",
            "/components/store",
            "/components/bus",
            "/components/api",
        ];
        assert_eq!(paths, expected.map(|path| format!("/root{path}")));
        let end = service.shut_down(over()).await;
        assert_eq!((end.code(), parts.log.of("stop")), (0, names(&["api", "bus", "store"])));
    });
}

/// S2.1-07, S2.1-08, S2.1-09, S2.1-11: all are collected, then validated; nothing starts.
#[test]
fn duplicates_cycles_and_unknown_needs_are_refused_before_anything_starts() {
    let parts = Parts::default();
    let plan = |list: Vec<_>| builder(real_settings(), list).plan().expect_err("refused");
    let error = plan(vec![parts.part("a").needs(["b"]), parts.part("b").needs(["a"])]);
    let text = format!("{error:?}");
    assert!(text.contains("a -> b -> a"), "{text}");
    assert_eq!(error.code(), 8);
    assert!(error.source().is_some_and(|source| source.is::<GraphError>()));
    let text = format!("{:?}", plan(vec![parts.part("a"), parts.part("a")]));
    assert!(text.contains("a is declared twice"), "{text}");
    let text = format!("{:?}", plan(vec![parts.part("a").needs(["nobody"])]));
    assert!(text.contains("a needs nobody"), "{text}");
    let text = format!("{:?}", plan(vec![parts.part("../etc")]));
    assert!(text.contains("../etc"), "{text}");
    let text = format!("{:?}", builder(real_settings(), [parts.part("A")]).run().expect_err("bad"));
    assert!(text.contains("\"A\""), "{text}");
    assert!(parts.log.lines().is_empty(), "nothing was started");
}

/// S7.1-09
#[test]
fn a_configured_order_that_cannot_be_is_a_configuration_error() {
    let parts = Parts::default();
    let mut settings = real_settings();
    settings.boot.initialization_order = names(&["cache", "database"]);
    let all = [parts.part("database"), parts.part("cache").needs(["database"])];
    let error = builder(settings, all).plan().expect_err("impossible");
    assert!(format!("{error:?}").contains("cache before database"), "{error:?}");
    assert_eq!(error.code(), 8);
    let all = [parts.part("metrics"), parts.part("logging"), parts.part("another")];
    let plan = builder(real_settings(), all).plan().expect("possible");
    let order: Vec<_> = plan.start_order().iter().map(ToString::to_string).collect();
    assert_eq!(order, ["logging", "metrics", "another"]);
}

/// S4.2-04
#[test]
fn components_of_a_level_start_at_the_same_time() {
    paused(async {
        let parts = Parts::default();
        let all = ["a", "b", "c"].map(|name| parts.odd(name, Quirk::SlowInit(100 * MS)));
        let service = builder(virtual_settings(), all).start().await.expect("boots");
        let report = service.boot_report();
        assert!(report.total < 200 * MS, "{:?}", report.total);
        for component in &report.components {
            assert_eq!((component.level, component.state), (1, ComponentState::Up));
            assert!(component.took.is_some_and(|took| took >= 100 * MS), "{component:?}");
        }
        let _ = service.shut_down(over()).await;
    });
}

/// S4.1-01, S4.1-03, S4.1-11, S4.1-13: eleven phases with times, nine contexts.
/// S4.1-04, S4.1-05, S4.1-06, S4.1-07, S4.1-08, S4.1-09, S4.1-10
#[test]
fn the_report_has_eleven_phases_and_the_context_nine() {
    paused(async {
        let parts = Parts::default();
        let placed = [
            ("config", Phase::Configuration),
            ("metrics", Phase::Observability),
            ("store", Phase::Data),
            ("keys", Phase::Security),
            ("bus", Phase::Core),
            ("http", Phase::Transport),
            ("watch", Phase::Supervision),
            ("agents", Phase::Applications),
        ];
        let all = placed.map(|(name, phase)| parts.part(name).phase(phase));
        let service = builder(virtual_settings(), all).start().await.expect("boots");
        assert_eq!(parts.log.of("start"), placed.map(|(name, _)| name));
        let phases: Vec<_> = service.boot_report().phases.iter().map(|one| one.phase).collect();
        assert_eq!(phases, Phase::ALL);
        let context = service.context();
        assert_eq!(context.phases.len(), 9);
        for (name, phase) in placed {
            let here = context.phase(phase).expect("there");
            let path = format!("/root/components/{name}");
            assert!(here.components.iter().any(|(_, at)| at.as_str() == path), "{here:?}");
        }
        let _ = service.shut_down(over()).await;
    });
}

/// Tries to let work in while it starts.
struct Eager(parts::Log);

impl Component for Eager {
    async fn start(&mut self, cx: &ComponentContext) -> Result<(), ComponentFailure> {
        let refused = cx.gate().enter().map(drop);
        self.0.add(format!("start {refused:?} {}", cx.health().startup()));
        Ok(())
    }
}

/// C29, S4.1-09, S7.2-03: bound in phase 7, open for work after phase 10.
#[test]
fn the_gate_opens_when_the_boot_is_done_and_not_before() {
    paused(async {
        let log = parts::Log::default();
        let shared = log.clone();
        let eager = ComponentSpec::new("http", move || Eager(shared.clone()));
        let builder = builder(virtual_settings(), [eager.phase(Phase::Transport)]);
        let service = builder.start().await.expect("boots");
        assert_eq!(log.of("start"), ["Err(Starting) false"]);
        assert!(service.gate().enter().is_ok());
        assert_eq!(service.stage(), ServiceStage::Running);
        assert!(service.health().startup());
        let _ = service.shut_down(over()).await;
    });
}

// ---- failures ----

/// `components.startup_deadline`: the boot as a whole has a deadline, whatever time each component
/// has. The error names the components that were being started.
#[test]
fn a_boot_that_is_not_done_by_its_deadline_is_undone_and_says_who_was_waited_for() {
    paused(async {
        let parts = Parts::default();
        let slow = parts.odd("slow", Quirk::HangsInStart).needs(["base"]).start_within(60 * SECOND);
        let mut settings = virtual_settings();
        settings.boot.within = 4 * SECOND;
        let error = builder(settings, [parts.part("base"), slow]).start().await;
        let error = error.expect_err("fails");
        let text = format!("{error:?}");
        assert!(text.contains("not done within 4s, waiting for slow"), "{text}");
        assert!(text.contains("components.startup_deadline"), "{text}");
        assert_eq!(error.code(), 4);
        assert_eq!(parts.log.of("stop"), ["base"]);
    });
}

/// S4.2-05
/// S4.2-01, S4.2-07
#[test]
fn a_component_that_is_not_ready_in_time_is_named_and_all_is_undone() {
    paused(async {
        let parts = Parts::default();
        let slow = parts.odd("slow", Quirk::HangsInStart).needs(["base"]).start_within(3 * SECOND);
        let began = Instant::now();
        let error = builder(virtual_settings(), [parts.part("base"), slow]).start().await;
        let error = error.expect_err("fails");
        assert!(began.elapsed() >= 3 * SECOND);
        let text = format!("{error:?}");
        assert!(text.contains("component slow was not ready within 3s"), "{text}");
        assert_eq!(error.code(), 4);
        let Some(ServiceStartError::Bootstrap(error)) = error.service() else { panic!("{error}") };
        assert_eq!(error.culprit().map(ToString::to_string).as_deref(), Some("slow"));
        let BootstrapError::InitializationFailed { source, rollback, .. } = error else {
            panic!("{error}")
        };
        assert!(matches!(source, InitializationError::Timeout { .. }), "{source}");
        // What hangs in its start is dropped, and not asked to stop as well.
        assert!(rollback.errors.is_empty(), "{rollback:?}");
        assert_eq!(parts.log.of("stop"), ["base"]);
        assert_eq!(parts.log.of("drop").len(), 2);
    });
}

/// S2.1-11, S4.2-07: the error keeps its source.
/// S1.1-05
#[test]
fn a_component_that_fails_or_panics_is_named_with_its_reason() {
    paused(async {
        for (quirk, why) in [
            (Quirk::FailsInit, "no disk"),
            (Quirk::FailsStart, "port in use"),
            (Quirk::PanicsInStart, "it broke"),
        ] {
            let parts = Parts::default();
            let error = builder(virtual_settings(), [parts.odd("bad", quirk)]).start().await;
            let error = error.expect_err("fails");
            let text = format!("{error:?}");
            assert!(text.contains("component bad"), "{text}");
            assert_eq!(text.matches(why).count(), 1, "its cause, and once: {text}");
            let Some(ServiceStartError::Bootstrap(failed)) = error.service() else {
                panic!("{error}")
            };
            let BootstrapError::InitializationFailed { source, .. } = failed else {
                panic!("{error}")
            };
            assert!(source.source().is_some(), "its cause is its source");
        }
    });
}

/// S4.1-12: broken is refused, degraded is not.
#[test]
fn a_service_that_is_not_healthy_in_the_end_does_not_start() {
    paused(async {
        let parts = Parts::default();
        let all = [parts.part("base"), parts.odd("db", Quirk::Unhealthy)];
        let error = builder(virtual_settings(), all).start().await.expect_err("not healthy");
        assert!(format!("{error:?}").contains("db: out of order"), "{error:?}");
        assert_eq!((error.code(), parts.log.of("stop").len()), (7, 2));
        let parts = Parts::default();
        let service = builder(virtual_settings(), [parts.odd("db", Quirk::Degraded)]).start();
        let service = service.await.expect("degraded is good enough");
        let _ = service.shut_down(over()).await;
    });
}

/// C4, C17: from its start on a component is restarted by its supervisor.
#[test]
fn a_component_that_crashes_is_initialised_and_started_again() {
    paused(async {
        let parts = Parts::default();
        let all = [parts.part("a"), parts.part("b").needs(["a"])];
        let service = builder(virtual_settings(), all).start().await.expect("boots");
        parts.log.take();
        let components = service.root().supervisor("components").await.expect("there");
        let a = ComponentId::new("a").expect("valid");
        components.child(a.as_child()).await.expect("answers").expect("there").kill();
        tokio::time::sleep(SECOND).await;
        assert_eq!(parts.log.of("init"), ["a"]);
        assert_eq!(parts.log.of("start"), ["a"]);
        let end = service.shut_down(over()).await;
        assert_eq!((end.code(), parts.log.of("stop")), (0, names(&["b", "a"])));
    });
}

/// S7.1-05: `components` itself is restarted whole and in order.
#[test]
fn all_components_come_back_in_order_when_their_supervisor_was_killed() {
    paused(async {
        let parts = Parts::default();
        let all = [parts.part("b").needs(["a"]), parts.part("a")];
        let service = builder(virtual_settings(), all).start().await.expect("boots");
        parts.log.take();
        service.root().supervisor("components").await.expect("there").any().kill();
        tokio::time::sleep(SECOND).await;
        assert_eq!(parts.log.of("start"), ["a", "b"]);
        let _ = service.shut_down(over()).await;
    });
}

struct Leaf;
impl actix::Actor for Leaf {
    type Context = ms_actor::Context<Self>;
}

/// A tree is a component: it starts in its turn, not with the rest of the tree.
/// S4.1-11
#[test]
fn a_tree_starts_in_its_turn_and_stops_in_reverse() {
    paused(async {
        let parts = Parts::default();
        let log = parts.log.clone();
        let agents =
            SupervisorSpec::one_for_one("agents").child(ChildSpec::actor("w1", move || {
                log.add("start w1");
                Leaf
            }));
        let all = [
            ComponentSpec::tree(agents).needs(["store"]),
            parts.part("store"),
            parts.part("api").needs(["agents"]),
        ];
        let service = builder(virtual_settings(), all).start().await.expect("boots");
        assert_eq!(parts.log.of("start"), ["store", "w1", "api"]);
        let tree = service.root().tree(None).await.expect("answers");
        let agents = tree.walk().find(|node| node.status.path.name() == "agents").expect("there");
        assert_eq!(agents.status.incarnation, Incarnation(1), "before its turn it had no start");
        let end = service.shut_down(over()).await;
        assert_eq!(end.code(), 0);
        let order = &end.shutdown.as_ref().expect("reported").report.components;
        let order: Vec<_> = order.iter().map(|one| one.id.to_string()).collect();
        assert_eq!(order, ["api", "agents", "store"]);
    });
}

// ---- pre-flight ----

/// S4.1-15, S4.1-16, S4.1-17: all checks run, then all failures are reported.
#[test]
fn all_checks_run_and_all_failures_are_reported() {
    let fail = |name, why: &str| Check(name, PreFlightResult::Fail(why.to_owned()));
    let builder = Builder::new(real_settings())
        .preflight(Check("fine", PreFlightResult::Pass))
        .preflight(fail("first", "no wind"))
        .preflight(Check("so-so", PreFlightResult::Warning("dusk".to_owned())))
        .preflight(fail("second", "no fuel"));
    let error = builder.check().expect_err("two fail");
    assert_eq!((error.check.as_str(), error.reason.as_str()), ("first", "no wind"));
    let text = error.to_string();
    assert!(text.contains("so did second: no fuel"), "{text}");
    let error = builder.run().expect_err("does not start");
    assert_eq!(error.code(), 6);
    let passes = Builder::new(real_settings())
        .preflight(Check("so-so", PreFlightResult::Warning("dusk".to_owned())));
    let report = passes.check().expect("a warning goes on");
    assert_eq!(report.checks.len(), 4);
}

struct Odd(bool);
impl PreFlightCheck for Odd {
    fn name(&self) -> String {
        "odd".to_owned()
    }
    #[allow(clippy::disallowed_methods, reason = "the fault under test")]
    fn execute(&self) -> PreFlightResult {
        assert!(!self.0, "a check that panics");
        std::thread::sleep(20 * SECOND);
        PreFlightResult::Pass
    }
}

#[test]
fn a_check_that_hangs_or_panics_fails() {
    let why = |panics| {
        let mut settings = real_settings();
        // Only who hangs is waited for to the end.
        settings.boot.preflight_within = if panics { 60 * SECOND } else { 300 * MS };
        let error = Builder::new(settings).preflight(Odd(panics)).check();
        error.expect_err("fails").reason
    };
    assert_eq!(why(false), "the check was not done within 300ms");
    assert_eq!(why(true), "the check panicked");
}

/// S4.1-02: a busy port, an unreadable directory, no room, no descriptors.
#[test]
fn the_checks_of_the_surroundings_name_what_is_wrong() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("free");
    let address = taken.local_addr().expect("bound");
    let directory = tempfile::tempdir().expect("a directory");
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(directory.path(), &link).expect("linked");
    let file = directory.path().join("file");
    fs::write(&file, "").expect("written");
    let failed = |check: &dyn PreFlightCheck, part: &str| match check.execute() {
        PreFlightResult::Fail(why) => assert!(why.contains(part), "{why}"),
        other => panic!("{}: {other:?}", check.name()),
    };
    failed(&PortFree(address), "cannot listen on");
    failed(&StateDirectory("/nowhere/at/all".into()), "create it");
    failed(&StateDirectory(link), "symbolic link");
    failed(&StateDirectory(file), "not a directory");
    failed(&FreeDisk { at_least: u64::MAX, ..FreeDisk::of(directory.path()) }, "free some space");
    failed(&FileDescriptors { at_least: u64::MAX - 1, wanted: u64::MAX }, "ulimit -n");
    drop(taken);
    assert_eq!(PortFree(address).execute(), PreFlightResult::Pass);
    assert_eq!(StateDirectory(directory.path().into()).execute(), PreFlightResult::Pass);
    assert_eq!(
        FreeDisk { at_least: 1, wanted: 1, directory: directory.path().into() }.execute(),
        PreFlightResult::Pass
    );
    assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 2, "it leaves nothing");
}

/// S10.1-01: how long it took is known, phase by phase.
#[test]
fn the_boot_says_how_long_it_took() {
    paused(async {
        let parts = Parts::default();
        let slow = parts.odd("a", Quirk::SlowInit(2 * SECOND));
        let service = builder(virtual_settings(), [slow]).start().await.expect("boots");
        let report = service.boot_report().clone();
        let sum: Duration = report.phases.iter().map(|one| one.took).sum();
        assert!(report.total >= 2 * SECOND && report.total < 30 * SECOND);
        assert_eq!(sum, report.total);
        let json = serde_json::to_value(&report).expect("serialises");
        assert_eq!(json["components"][0]["id"], "a");
        let _ = service.shut_down(over()).await;
    });
}
