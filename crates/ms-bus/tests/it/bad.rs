//! Bad subscriptions, and those that nobody waits for any more.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use crate::common;

use std::future::IntoFuture;
use std::time::Duration;

use actix::prelude::*;
use common::{Order, SECOND, actor, balanced, numbers, order, probe, settle, with_bus};
use futures_util::poll;
use ms_actor::{Blueprint, Context, Overflow};
use ms_bus::{Delivery, Event};
use ms_core::Incarnation;
use ms_testkit::{ManualSupervisor, ends, faults};
use serde::{Deserialize, Deserializer, Serialize};

/// `Duration::MAX` is "no limit" wherever a subscription takes a time, and a buffer of
/// `usize::MAX` is no bound.
#[test]
fn ev3_no_limit_is_no_fault() {
    with_bus(async |t, bus, root| {
        let client = bus.client().within(Duration::MAX);
        let got = probe(t, "got");
        let subscribe = client.subscribe(got.port()).handled_within(Duration::MAX);
        let _got = subscribe.buffer(usize::MAX, Overflow::Block).await.unwrap();
        let mut feed =
            client.feed::<Order>().buffer(usize::MAX, Overflow::Block).open().await.unwrap();
        let mut shop = client.producer("shop");
        for n in 0..2_000 {
            assert_eq!(shop.publish_waiting(order(n)).await.unwrap().accepted, 2);
            assert_eq!(feed.next().await.unwrap().event.number, n);
        }
        assert_eq!(got.expect_many(2_000, SECOND).await.len(), 2_000);
        assert_eq!(client.stats().counts.lost, 0);
        assert!(root.any().is_alive());
    });
}

/// Reading it panics: what a payload from another process may well do.
#[derive(Serialize)]
struct Poison;

impl<'de> Deserialize<'de> for Poison {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("a payload that crashes who reads it")
    }
}

impl Event for Poison {
    const SUBJECT: &'static str = "orders.*.placed";
}

struct Victim {
    got: u64,
}

impl Actor for Victim {
    type Context = Context<Self>;
}

impl Handler<Delivery<Poison>> for Victim {
    type Result = ();

    fn handle(&mut self, _: Delivery<Poison>, _: &mut Self::Context) {}
}

impl Handler<Delivery<Order>> for Victim {
    type Result = ();

    fn handle(&mut self, _: Delivery<Order>, _: &mut Self::Context) {
        self.got += 1;
    }
}

/// A subscription whose every event crashes its delivery: it ends, and nothing else does.
#[test]
fn ev3_a_bad_subscription_ends_itself_alone() {
    with_bus(async |t, bus, root| {
        let client = bus.client();
        let victim = Blueprint::actor(|| Victim { got: 0 });
        let victim = ManualSupervisor::<Victim>::start(t.node(), "/root/victim", &victim);
        let bad = client.subscribe(victim.reference.port::<Delivery<Poison>>()).await.unwrap();
        let _good = client.subscribe(victim.reference.port::<Delivery<Order>>()).await.unwrap();
        let got = probe(t, "got");
        let _got = client.subscribe(got.port()).await.unwrap();
        let mut shop = client.producer("shop");
        for n in 0..300 {
            let _ = shop.publish(order(n)).unwrap();
            t.advance(Duration::from_millis(20)).await;
        }
        t.advance(SECOND).await;
        assert!(!bad.is_open(), "it is ended");
        let all: Vec<u64> = (0..300).collect();
        assert_eq!(numbers(&got.expect_many(300, SECOND).await), all);
        let stats = client.stats();
        balanced(&stats);
        let handled: Vec<_> = stats.subscriptions.iter().map(|sub| sub.counts.handled).collect();
        assert_eq!(handled, [300, 300], "the other subscription of the same actor goes on");
        assert!((10..=12).contains(&stats.counts.lost), "{stats:?}");
        for path in ["/root", "/root/event-bus", "/root/event-bus/outlets"] {
            let life = actor(&root, path).await.incarnation();
            assert_eq!(life, Incarnation(1), "{path} was not restarted");
        }
    });
}

/// Given up at any moment of its way, a `subscribe` leaves nothing behind.
#[test]
fn ev5_a_subscribe_that_is_given_up_leaves_no_subscription() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        for steps in 0..30 {
            let got = probe(t, &format!("got-{steps}"));
            let mut subscribing = client.subscribe(got.port()).into_future();
            assert!(poll!(&mut subscribing).is_pending());
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
            drop(subscribing);
            t.advance(SECOND).await;
            let stats = client.stats();
            assert!(stats.subscriptions.is_empty(), "given up after {steps} steps: {stats:?}");
            let published = client.producer("shop").publish(order(1)).unwrap();
            assert_eq!(published.matched, 0, "given up after {steps} steps");
        }
    });
}

/// The bus answers after the deadline of who asked: nobody knows of the subscription.
#[test]
fn ev5_a_subscribe_that_times_out_leaves_no_subscription() {
    with_bus(async |t, bus, root| {
        let client = bus.client().within(SECOND);
        let bus_actor = actor(&root, "/root/event-bus/bus").await;
        bus_actor.suspend();
        let got = probe(t, "got");
        assert!(client.subscribe(got.port()).await.is_err());
        bus_actor.resume();
        t.advance(SECOND).await;
        assert!(client.stats().subscriptions.is_empty());
    });
}

/// Who subscribes again and gives up keeps the subscription it has.
#[test]
fn ev5_a_second_subscribe_that_is_given_up_leaves_the_first() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let got = probe(t, "got");
        let held = client.subscribe(got.port()).await.unwrap();
        for steps in 0..30 {
            let mut again = client.subscribe(got.port()).into_future();
            assert!(poll!(&mut again).is_pending());
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
            drop(again);
            settle().await;
            assert!(held.is_open(), "given up after {steps} steps");
        }
        let again = client.subscribe(got.port()).await.unwrap();
        assert_eq!(again.id(), held.id());
        drop(held);
        assert_eq!(client.producer("shop").publish(order(1)).unwrap().matched, 1);
        again.end();
        assert_eq!(client.producer("shop").publish(order(2)).unwrap().matched, 0);
    });
}

/// A crash of the bus between starting an outlet and noting the subscription.
#[test]
fn ev5_a_crash_of_the_bus_while_somebody_subscribes_leaves_nothing() {
    with_bus(async |t, bus, root| {
        let client = bus.client();
        let bus_actor = actor(&root, "/root/event-bus/bus").await;
        for steps in 0..12 {
            let got = probe(t, &format!("got-{steps}"));
            let mut subscribing = client.subscribe(got.port()).into_future();
            assert!(poll!(&mut subscribing).is_pending());
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
            let back = ends::expect_restart(&bus_actor, t.soon());
            faults::crash(&bus_actor);
            drop(subscribing);
            back.await;
            t.advance(SECOND).await;
            assert!(client.stats().subscriptions.is_empty(), "after {steps} steps");
            let outlets = root.supervisor("event-bus").await.unwrap();
            let outlets = outlets.supervisor("outlets").await.unwrap();
            assert_eq!(outlets.count_children().await.unwrap().active, 0, "after {steps} steps");
        }
    });
}
