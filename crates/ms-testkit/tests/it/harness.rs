//! The builder of tests, test actors, and the lifecycle states that a tree shows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use ms_actor::{Context, Port};
use ms_core::Shutdown;
use ms_core::view::Lifecycle;
use ms_router::{Router, RouterConfig};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_testkit::{Component, Journal, JournalActor, Probe, TestSystem, ends, faults};

/// Stands in for a server of the test's surroundings.
struct Recorder(Rc<RefCell<Vec<&'static str>>>, &'static str);

impl Component for Recorder {
    fn clean_up(&mut self) -> LocalBoxFuture<'_, ()> {
        self.0.borrow_mut().push(self.1);
        Box::pin(std::future::ready(()))
    }
}

/// S6.1-04, S6.1-05, S6.1-06: components, data and a tree, found by name in the test, cleaned up
/// in reverse order after it.
#[test]
fn s6_1_04_a_test_is_built_of_components_data_and_trees() {
    let (log, journal) = (Rc::default(), Journal::new());
    let sum = TestSystem::builder()
        .seed(7)
        .with_component("first", Recorder(Rc::clone(&log), "first"))
        .with_tree(SupervisorSpec::one_for_one("root").child(journal.child("worker")))
        .with_component("second", Recorder(Rc::clone(&log), "second"))
        .with_test_data("numbers", vec![1, 2, 3])
        .with_test_data("words", "a b")
        .test(async |t| {
            assert_eq!(t.component::<Recorder>("second").borrow().1, "second");
            assert_eq!(*t.data::<&str>("words"), "a b");
            assert_eq!(journal.alive(), 1, "the tree runs");
            t.data::<Vec<i32>>("numbers").iter().sum::<i32>()
        });
    assert_eq!((sum, journal.alive()), (6, 0));
    assert_eq!(*log.borrow(), ["second", "first"]);
}

/// S6.1-04: a test that panics is cleaned up too, and its panic comes through.
#[test]
fn s6_1_04_what_was_built_is_cleaned_up_when_the_test_panics() {
    let (log, journal) = (Rc::default(), Journal::new());
    let run = || {
        TestSystem::builder()
            .with_component("only", Recorder(Rc::clone(&log), "only"))
            .with_tree(SupervisorSpec::one_for_one("root").child(journal.child("worker")))
            .with_test_data("one", 1_u8)
            .test(async |t| drop(t.data::<u8>("two")));
    };
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    let words = panic.downcast_ref::<String>().unwrap();
    assert_eq!(words, "there is no test data named \"two\"; there are [\"one\"]");
    assert_eq!((log.borrow().as_slice(), journal.alive()), (&["only"][..], 0));
}

#[derive(Debug, Clone, PartialEq, Message)]
#[rtype(result = "()")]
struct TestEvent {
    id: u64,
    payload: String,
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Produce(u64);

/// Publishes numbered events.
struct TestEventProducer(Router);

impl Actor for TestEventProducer {
    type Context = Context<Self>;
}

impl Handler<Produce> for TestEventProducer {
    type Result = ();

    fn handle(&mut self, Produce(count): Produce, _: &mut Self::Context) {
        for id in 0..count {
            let event = TestEvent { id, payload: format!("event {id}") };
            self.0.publish(event).expect("somebody listens");
        }
    }
}

/// S6.2-08, S6.2-03, S6.2-04, S6.1-06: the actors of a test: a supervisor, a producer below it, a
/// consumer that subscribes by type and says what it got; no server is needed.
#[test]
fn s6_2_08_producer_and_consumer_are_test_actors() {
    TestSystem::run(async |t| {
        let router = Router::spawn(t.node(), "bus", RouterConfig::default()).unwrap();
        let consumer = Probe::<TestEvent>::new(t.node(), "consumer").unwrap();
        let other = Probe::<Produce>::new(t.node(), "other").unwrap();
        router.add_route(consumer.port()).await.unwrap();
        router.add_route(other.port()).await.unwrap();
        let publishes = router.clone();
        let producer = ChildSpec::actor("producer", move || TestEventProducer(publishes.clone()));
        let root = t.start(SupervisorSpec::one_for_one("root").child(producer)).await;
        let producer = root.get::<TestEventProducer>("producer").await.unwrap();
        let order: Port<Produce> = producer.port();
        order.try_tell(Produce(100)).unwrap();
        let got = consumer.expect_many(100, Duration::from_secs(1)).await;
        assert!(got.iter().map(|event| event.id).eq(0..100), "all, in the producer's order");
        other.expect_silence(Duration::from_secs(1)).await;

        // The producer crashes: consumers stay subscribed, and its next life goes on.
        let back = ends::expect_restart(&producer.any(), t.soon());
        faults::crash(&producer.any());
        assert_eq!(back.await.restarts, 1);
        order.try_tell(Produce(3)).unwrap();
        assert_eq!(consumer.expect_many(3, t.soon()).await.len(), 3);
    });
}

/// S5.1-01: an actor that has not finished its init shows as starting, one that was told to stop
/// and has not ended as stopping.
#[test]
fn s5_1_01_starting_and_stopping_show_in_the_tree() {
    TestSystem::run(async |t| {
        let journal = Journal::new();
        let tree = SupervisorSpec::one_for_one("root").child(journal.child("calm"));
        let root = t.start(tree).await;
        let lifecycle = async |name: &str| {
            let tree = root.tree(None).await.expect("answers");
            let path = format!("/root/{name}");
            let node = tree.walk().find(|node| node.status.path.as_str() == path);
            node.map(|node| node.status.lifecycle)
        };
        assert_eq!(lifecycle("calm").await, Some(Lifecycle::Running));

        let long = Duration::from_secs(20);
        let slow = journal.slow_child("slow", long).start_timeout(None);
        let starts = root.clone();
        let started = actix::spawn(async move { starts.start_child(slow).await });
        t.settle().await;
        assert_eq!(lifecycle("slow").await, Some(Lifecycle::Starting));
        started.await.unwrap().expect("it starts");
        assert_eq!(lifecycle("slow").await, Some(Lifecycle::Running));

        let stubborn = journal.stubborn_child("stubborn").shutdown(Shutdown::Timeout(long));
        root.start_child(stubborn).await.expect("it starts");
        assert!(root.get::<JournalActor>("stubborn").await.is_ok());
        let stops = root.as_supervisor().clone().within(2 * long);
        let stopped =
            actix::spawn(async move { stops.terminate_child(&"stubborn".parse().unwrap()).await });
        t.settle().await;
        assert_eq!(lifecycle("stubborn").await, Some(Lifecycle::Stopping));
        stopped.await.unwrap().expect("it is killed in the end");
        assert_eq!(lifecycle("stubborn").await, Some(Lifecycle::Stopped));
    });
}
