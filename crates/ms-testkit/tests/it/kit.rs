//! The kit itself, and the integration tests that the requirements name.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use ms_actor::{Blueprint, Context};
use ms_bus::{BusConfig, Delivery, Event, EventBus};
use ms_core::{ExitReason, Restart};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_testkit::{
    Component, Journal, JournalActor, ManualSupervisor, Probe, TestSystem, clock, ends, faults,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Message, Serialize, Deserialize)]
#[rtype(result = "()")]
struct TestEvent {
    id: u64,
    payload: String,
}

/// S6.2-06: healthy, crash, healthy again, `restart_count == 1`, without a sleep.
#[test]
fn test_supervision_tree_integration() {
    TestSystem::run(async |t| {
        let journal = Journal::new();
        let tree = SupervisorSpec::one_for_one("root").child(journal.child("worker-1"));
        let root = t.start(tree).await;
        let worker = root.get::<JournalActor>("worker-1").await.unwrap().any();
        ends::expect_alive(&worker, Duration::from_secs(1)).await;

        let ended = ends::expect_end(&worker, t.soon());
        let back = ends::expect_restart(&worker, Duration::from_secs(2));
        faults::crash(&worker);
        assert!(matches!(ended.await, ExitReason::Panicked(_)));
        let status = back.await;
        assert_eq!(status.restarts, 1, "restart_count");
        ends::expect_alive(&worker, Duration::from_secs(1)).await;
        assert_eq!(journal.take(), ["+worker-1", "-worker-1", "+worker-1"]);
    });
}

impl Event for TestEvent {
    const SUBJECT: &'static str = "tests.event";
}

/// S6.2-07, S6.2-03, S6.2-04, S6.2-05: 100 events over the bus, all of them, in order, to who
/// subscribed to their type; no server anywhere.
#[test]
fn test_event_bus_integration() {
    TestSystem::run(async |t| {
        let bus = EventBus::new(BusConfig::default());
        t.start(SupervisorSpec::one_for_one("root").child(bus.child("event-bus"))).await;
        assert_eq!(bus.client().transport(), "memory");
        let consumer = Probe::<Delivery<TestEvent>>::new(t.node(), "consumer").unwrap();
        let second = Probe::<Delivery<TestEvent>>::new(t.node(), "second").unwrap();
        let _first = bus.client().subscribe(consumer.port()).await.unwrap();
        let _second = bus.client().subscribe(second.port()).await.unwrap();
        let events: Vec<_> =
            (0..100).map(|id| TestEvent { id, payload: format!("event {id}") }).collect();
        let mut producer = bus.client().producer("test");
        for event in &events {
            let sent = producer.publish(event.clone()).unwrap();
            assert_eq!((sent.matched, sent.accepted), (2, 2));
        }
        let within = Duration::from_secs(1);
        for subscriber in [&consumer, &second] {
            let got = subscriber.expect_many(100, within).await;
            assert!(got.iter().map(|delivery| &*delivery.event).eq(&events));
            assert!(got.iter().map(|delivery| delivery.header.sequence).eq(1..=100));
        }
        consumer.expect_silence(within).await;
    });
}

/// What a clean-up did.
#[derive(Debug)]
struct Recorder {
    name: &'static str,
    log: Rc<RefCell<Vec<&'static str>>>,
    panics: bool,
}

impl Component for Recorder {
    fn clean_up(&mut self) -> futures_util::future::LocalBoxFuture<'_, ()> {
        Box::pin(async {
            clock::advance(Duration::from_millis(1)).await;
            self.log.borrow_mut().push(self.name);
            assert!(!self.panics, "a clean-up fails");
        })
    }
}

fn recorder(log: &Rc<RefCell<Vec<&'static str>>>, name: &'static str, panics: bool) -> Recorder {
    Recorder { name, log: Rc::clone(log), panics }
}

/// What a panic says.
fn words(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// S6.1-04: clean-up runs when the test panics, in reverse order, all of it, and neither it
/// nor its own failure hides what the test had to say.
#[test]
fn s6_1_clean_up_runs_when_the_test_panics_and_hides_nothing() {
    let (log, journal) = (Rc::default(), Journal::new());
    let result = catch_unwind(AssertUnwindSafe(|| {
        TestSystem::run(async |t| {
            t.with_component("first", recorder(&log, "first", false));
            t.start(SupervisorSpec::one_for_one("root").child(journal.child("a"))).await;
            t.with_component("second", recorder(&log, "second", true));
            t.settle().await;
            panic!("the test fails");
        });
    }));
    assert_eq!(words(result.unwrap_err()), "the test fails");
    assert_eq!(*log.borrow(), ["second", "first"]);
    assert_eq!(journal.take(), ["+a", "-a"], "the tree was stopped between them");
}

/// S6.1-04: a test that is in order fails when its clean-up does.
#[test]
fn s6_1_a_failing_clean_up_fails_the_test() {
    let log = Rc::default();
    let result = catch_unwind(AssertUnwindSafe(|| {
        TestSystem::run(async |t| {
            t.with_component("only", recorder(&log, "only", true));
            1
        })
    }));
    assert_eq!(words(result.unwrap_err()), "a clean-up fails");
    let result = TestSystem::run(async |t| {
        t.with_component("only", recorder(&log, "only", false));
        2
    });
    assert_eq!(result, 2, "the result of the test comes through");
}

struct Echo;

impl Actor for Echo {
    type Context = Context<Self>;
}

/// S6.1-02, S6.1-05: actors and components are found by name, and a wrong name is named.
#[test]
fn s6_1_components_are_found_by_name() {
    let log = Rc::default();
    TestSystem::run(async |t| {
        let echo = t.actor("echo", Echo).await.unwrap();
        assert_eq!(t.get::<Echo>("echo"), echo);
        t.with_component("recorder", recorder(&log, "there", false));
        assert_eq!(t.component::<Recorder>("recorder").borrow().name, "there");
        let missing = catch_unwind(AssertUnwindSafe(|| t.get::<Echo>("ecko")));
        assert!(words(missing.unwrap_err()).contains("did you mean \"echo\""));
        let missing = catch_unwind(AssertUnwindSafe(|| t.component::<Recorder>("recoder")));
        assert!(words(missing.unwrap_err()).contains("no component named \"recoder\""));
    });
}

/// Each expectation fails the test when it is not met, and says where it stood.
#[test]
fn expectations_that_are_not_met_fail() {
    fn fails(test: impl AsyncFnOnce(&TestSystem)) -> String {
        let result = catch_unwind(AssertUnwindSafe(|| TestSystem::run(test)));
        words(result.expect_err("the expectation is not met"))
    }
    let second = Duration::from_secs(1);
    let silent = fails(async |t| {
        let probe = Probe::<TestEvent>::new(t.node(), "probe").unwrap();
        probe.expect(second).await;
    });
    assert!(silent.starts_with("/local/probe gets no message within 1s"), "{silent}");
    assert!(silent.contains("kit.rs:"), "it says where: {silent}");
    let loud = fails(async |t| {
        let probe = Probe::<TestEvent>::new(t.node(), "probe").unwrap();
        let event = TestEvent { id: 7, payload: String::new() };
        probe.port().try_tell(event).unwrap();
        probe.expect_silence(second).await;
    });
    assert!(loud.contains("gets TestEvent { id: 7"), "{loud}");
    let echo = |t: &TestSystem| {
        ManualSupervisor::<Echo>::start(t.node(), "/root/echo", &Blueprint::actor(|| Echo))
    };
    let lives = fails(async |t| drop(ends::expect_end(&echo(t).any, second).await));
    assert!(lives.starts_with("/root/echo does not end within 1s"), "{lives}");
    let down = fails(async |t| {
        let echo = echo(t);
        echo.kill().await;
        ends::expect_restart(&echo.any, second).await;
    });
    assert!(
        down.starts_with("/root/echo does not come back within 1s; it ended: killed"),
        "{down}"
    );
    let dies = fails(async |t| {
        let echo = echo(t);
        faults::crash(&echo.any);
        ends::expect_alive(&echo.any, second).await;
    });
    assert!(dies.starts_with("/root/echo did not stay alive"), "{dies}");
}

/// Time passes only when nothing else can happen, and then at once.
#[test]
fn virtual_time_costs_nothing() {
    TestSystem::run(async |t| {
        let journal = Journal::new();
        let slow = journal.slow_child("slow", Duration::from_secs(3_000)).start_timeout(None);
        let stubborn = journal.stubborn_child("stubborn").restart(Restart::Temporary);
        let root = t.start(SupervisorSpec::one_for_one("root").child(slow).child(stubborn)).await;
        assert_eq!(t.node().now().as_secs(), 3_000);
        t.advance(Duration::from_secs(86_400)).await;
        root.stop(Duration::from_secs(60)).await;
        assert_eq!(t.node().now().as_secs(), 3_000 + 86_400 + 5, "the stubborn one had its 5 s");
        assert_eq!(journal.alive(), 0);
    });
}

/// A hang is found by heartbeats, an actor that panics after an await comes back as well.
#[test]
fn faults_are_of_every_kind() {
    TestSystem::run(async |t| {
        let journal = Journal::new();
        let beat = ms_supervisor::Heartbeat { every: Duration::from_secs(1), missed: 3 };
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(9, Duration::from_secs(1))
            .child(ChildSpec::actor("echo", || Echo).heartbeat(beat))
            .child(journal.child("other"));
        let root = t.start(tree).await;
        let echo = root.get::<Echo>("echo").await.unwrap().any();
        for fault in [faults::crash, faults::crash_after_await, faults::hang, faults::kill] {
            let back = ends::expect_restart(&echo, t.soon());
            fault(&echo);
            back.await;
        }
        let ended = ends::expect_end(&echo, t.soon());
        faults::signal(&echo, ExitReason::failed("from outside"));
        assert_eq!(ended.await, ExitReason::failed("from outside"));
        assert_eq!(journal.take(), ["+other"]);
    });
}
