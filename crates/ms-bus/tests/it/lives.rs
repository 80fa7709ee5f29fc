//! Ends and restarts: of subscribers, of the bus, of its outlets.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use crate::common;

use std::time::Duration;

use actix::prelude::*;
use common::{Order, SECOND, actor, balanced, numbers, order, probe, settle, slow, with_bus};
use ms_actor::{Context, MailboxSpec};
use ms_bus::{BusClient, BusConfig, Delivery, EventBus, SubscribeError, Subscription};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_testkit::{TestSystem, ends, faults};

/// The bus crashes: subscriptions and what waits for them stay, and events are delivered while
/// it is down.
#[test]
fn a_crash_of_the_bus_loses_nothing() {
    with_bus(async |t, bus, root| {
        let client = bus.client();
        let got = probe(t, "got");
        let subscription = client.subscribe(got.port()).await.unwrap();
        let mut shop = client.producer("shop");
        got.any().suspend();
        for n in 0..10 {
            let _ = shop.publish(order(n)).unwrap();
        }
        let bus_actor = actor(&root, "/root/event-bus/bus").await;
        let back = ends::expect_restart(&bus_actor, t.soon());
        faults::crash(&bus_actor);
        assert_eq!(shop.publish(order(10)).unwrap().accepted, 1, "while it is down");
        back.await;
        got.any().resume();
        for n in 11..20 {
            assert_eq!(shop.publish(order(n)).unwrap().accepted, 1);
        }
        assert_eq!(numbers(&got.expect_many(20, SECOND).await), (0..20).collect::<Vec<_>>());
        let late = probe(t, "late");
        let _late = client.subscribe(late.port()).await.unwrap();
        subscription.end();
        settle().await;
        assert_eq!(shop.publish(order(20)).unwrap().matched, 1, "it subscribes and ends as before");
        assert_eq!(client.stats().counts.lost, 0);
    });
}

/// The supervisor of the outlets is killed: the queues stay, and each gets another outlet. Only
/// what was with a subscriber is lost, and counted.
#[test]
fn ev4_a_queue_outlives_what_empties_it() {
    with_bus(async |t, bus, root| {
        let client = bus.client();
        let (got, other) = (probe(t, "got"), probe(t, "other"));
        let _got = client.subscribe(got.port()).await.unwrap();
        let _other = client.subscribe(other.port()).await.unwrap();
        got.any().suspend();
        let mut shop = client.producer("shop");
        for n in 0..10 {
            let _ = shop.publish(order(n)).unwrap();
        }
        other.expect_many(10, SECOND).await;
        let outlets = actor(&root, "/root/event-bus/outlets").await;
        let back = ends::expect_restart(&outlets, t.soon());
        faults::kill(&outlets);
        assert_eq!(shop.publish(order(10)).unwrap().accepted, 2, "while there is no outlet");
        back.await;
        t.advance(SECOND).await;
        got.any().resume();
        assert_eq!(numbers(&other.expect_many(1, SECOND).await), [10]);
        assert_eq!(numbers(&got.expect_many(10, SECOND).await), (1..11).collect::<Vec<_>>());
        settle().await;
        let stats = client.stats();
        balanced(&stats);
        assert_eq!((stats.counts.lost, stats.counts.handled), (1, 21), "{stats:?}");
    });
}

/// An outlet crashes: what waits stays, in order; what was in hand is counted as lost.
#[test]
fn a_crash_of_an_outlet_loses_what_was_in_hand_at_most() {
    with_bus(async |t, bus, root| {
        let client = bus.client();
        let behind = slow(t.node(), "slow", &client, SECOND, MailboxSpec::default());
        let port = behind.reference.port::<Delivery<Order>>();
        let _slow = client.subscribe(port).await.unwrap();
        let mut shop = client.producer("shop");
        for n in 0..5 {
            let _ = shop.publish(order(n)).unwrap();
        }
        settle().await;
        faults::kill(&actor(&root, "/root/event-bus/outlets/s1").await);
        t.advance(Duration::from_secs(10)).await;
        let stats = client.stats();
        balanced(&stats);
        assert_eq!((stats.counts.lost, stats.counts.handled), (1, 4));
    });
}

/// A subscriber crashes: the event it had is lost and counted, its subscription follows its
/// restart with what waits; when it is gone for good, so is the subscription.
#[test]
fn a_subscription_follows_its_subscriber() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let behind = slow(t.node(), "slow", &client, SECOND, MailboxSpec::default());
        let port = behind.reference.port::<Delivery<Order>>();
        client.subscribe(port.clone()).await.unwrap().keep();
        let mut shop = client.producer("shop");
        for n in 0..5 {
            let _ = shop.publish(order(n)).unwrap();
        }
        settle().await;
        behind.crash().await;
        t.advance(Duration::from_secs(3)).await;
        assert_eq!(shop.publish(order(5)).unwrap().accepted, 1, "held while it is down");
        behind.restart();
        t.advance(Duration::from_secs(10)).await;
        let stats = client.stats();
        assert_eq!((stats.counts.lost, stats.counts.handled), (1, 5), "{stats:?}");

        behind.give_up();
        assert_eq!(shop.publish(order(6)).unwrap().matched, 0, "at once");
        settle().await;
        let stats = client.stats();
        assert!(stats.subscriptions.is_empty(), "removed");
        balanced(&stats);
        let error = client.subscribe(port).await.unwrap_err();
        assert!(matches!(error, SubscribeError::SubscriberGone { .. }), "{error}");
    });
}

/// A dead subscriber's waiting events are counted, and its buffer is stopped.
#[test]
fn what_waits_for_a_dead_subscriber_is_counted_as_lost() {
    with_bus(async |t, bus, root| {
        let client = bus.client();
        let behind = slow(t.node(), "slow", &client, SECOND, MailboxSpec::default());
        let port = behind.reference.port::<Delivery<Order>>();
        client.subscribe(port).await.unwrap().keep();
        let mut shop = client.producer("shop");
        for n in 0..5 {
            let _ = shop.publish(order(n)).unwrap();
        }
        settle().await;
        behind.kill().await;
        behind.give_up();
        t.advance(Duration::from_secs(5)).await;
        let stats = client.stats();
        balanced(&stats);
        assert_eq!((stats.counts.lost, stats.counts.pending), (5, 0), "{stats:?}");
        let outlets = root.supervisor("event-bus").await.unwrap();
        let outlets = outlets.supervisor("outlets").await.unwrap();
        assert_eq!(outlets.count_children().await.unwrap().active, 0);
    });
}

/// Dropping the handle ends the subscription at once; what waits is discarded and counted.
#[test]
fn a_dropped_handle_unsubscribes() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let got = probe(t, "got");
        let subscription = client.subscribe(got.port()).await.unwrap();
        got.any().suspend();
        let mut shop = client.producer("shop");
        for n in 0..5 {
            let _ = shop.publish(order(n)).unwrap();
        }
        settle().await;
        drop(subscription);
        assert_eq!(shop.publish(order(5)).unwrap().matched, 0, "at once");
        got.any().resume();
        t.advance(Duration::from_secs(2)).await;
        let stats = client.stats();
        balanced(&stats);
        let counts = stats.counts;
        assert_eq!(counts.handled + counts.discarded + counts.lost, 5, "{counts:?}");
        assert!(counts.discarded >= 4 && counts.pending == 0, "{counts:?}");
        assert!(stats.subscriptions.is_empty());
    });
}

/// An actor that subscribes whenever it starts, as most do.
struct Member {
    bus: BusClient,
    subscription: Option<Subscription>,
    keep: bool,
}

impl Actor for Member {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let subscribe = self.bus.subscribe(ctx.me().port::<Delivery<Order>>());
        let subscribe = async move { subscribe.await.unwrap() }.into_actor(self);
        ctx.wait(subscribe.map(|subscription, this, _| match this.keep {
            true => drop(subscription.keep()),
            false => this.subscription = Some(subscription),
        }));
    }
}

impl Handler<Delivery<Order>> for Member {
    type Result = ();

    fn handle(&mut self, _: Delivery<Order>, _: &mut Self::Context) {}
}

/// Subscribing again after a restart gives one subscription, not two.
#[test]
fn an_actor_that_subscribes_at_each_start_has_one_subscription() {
    for keep in [true, false] {
        TestSystem::run(async |t| {
            let bus = EventBus::new(BusConfig::default());
            let client = bus.client();
            let member = {
                let client = client.clone();
                move || Member { bus: client.clone(), subscription: None, keep }
            };
            let tree = SupervisorSpec::one_for_one("root")
                .intensity(10, SECOND)
                .child(bus.child("event-bus"))
                .child(ChildSpec::actor("member", member));
            let root = t.start(tree).await;
            let member = root.get::<Member>("member").await.unwrap().any();
            for _ in 0..3 {
                let back = ends::expect_restart(&member, t.soon());
                faults::crash(&member);
                back.await;
                settle().await;
                let published = client.producer("shop").publish(order(1)).unwrap();
                assert_eq!((published.matched, published.accepted), (1, 1));
                settle().await;
            }
            let stats = client.stats();
            assert_eq!(stats.subscriptions.len(), 1);
            assert_eq!(stats.counts.handled, 3);
        });
    }
}

#[test]
fn there_is_a_limit_and_before_the_start_nobody_subscribes() {
    TestSystem::run(async |t| {
        let bus = EventBus::new(BusConfig { max_subscriptions: 1, ..BusConfig::default() });
        let got = probe(t, "got");
        let error = bus.client().subscribe(got.port()).await.unwrap_err();
        assert!(matches!(error, SubscribeError::NotStarted));
        assert_eq!(bus.client().producer("early").publish(order(1)).unwrap().matched, 0);
        common::start(t, &bus).await;
        let one = bus.client().subscribe(got.port()).await.unwrap();
        let second = bus.client().subscribe(got.port()).to("orders.us.*").await;
        assert!(matches!(second, Err(SubscribeError::TooMany { max: 1 })));
        drop(one);
        bus.client().subscribe(got.port()).to("orders.us.*").await.unwrap().keep();
    });
}
