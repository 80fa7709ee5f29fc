//! One subscriber with several subscriptions: one queue, one order.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use actix::prelude::*;
use common::{Order, SECOND, balanced, order, settle, with_bus};
use ms_actor::{Blueprint, Context, Overflow, Ref};
use ms_bus::{AnyEvent, Delivery, Event, Refusal, Request};
use ms_testkit::{ManualSupervisor, TestSystem};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Another type, on a subject of its own.
#[derive(Serialize, Deserialize)]
struct Bill;

impl Event for Bill {
    const SUBJECT: &'static str = "recorder.bill";
}

impl Request for Bill {
    type Reply = u64;
}

/// Handles both, and says in which order they came, by their numbers with the producer.
struct Recorder {
    saw: mpsc::UnboundedSender<u64>,
    orders: u64,
    each: Duration,
}

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<Delivery<Order>> for Recorder {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, order: Delivery<Order>, _: &mut Self::Context) -> Self::Result {
        self.orders += 1;
        self.saw.send(order.header.sequence).unwrap();
        let each = self.each;
        let work = async move { tokio::time::sleep(each).await };
        AtomicResponse::new(Box::pin(work.into_actor(self)))
    }
}

impl Handler<Delivery<Bill>> for Recorder {
    type Result = ();

    fn handle(&mut self, bill: Delivery<Bill>, _: &mut Self::Context) {
        self.saw.send(bill.header.sequence).unwrap();
        bill.reply(self.orders);
    }
}

impl Handler<AnyEvent> for Recorder {
    type Result = ();

    fn handle(&mut self, event: AnyEvent, _: &mut Self::Context) {
        self.saw.send(event.header.sequence).unwrap();
    }
}

struct Reader {
    _supervisor: ManualSupervisor<Recorder>,
    recorder: Ref<Recorder>,
    saw: mpsc::UnboundedReceiver<u64>,
}

impl Reader {
    fn new(t: &TestSystem, each: Duration) -> Self {
        let (tell, saw) = mpsc::unbounded_channel();
        let recorder = move || Recorder { saw: tell.clone(), orders: 0, each };
        let supervisor = ManualSupervisor::<Recorder>::start(
            t.node(),
            "/root/recorder",
            &Blueprint::actor(recorder),
        );
        Self { recorder: supervisor.reference.clone(), _supervisor: supervisor, saw }
    }

    fn saw(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.saw.try_recv().ok()).collect()
    }
}

/// Orders and bills by turns, of two types and on two subjects: they come as they were published.
#[test]
fn ev1_events_reach_a_subscriber_in_order_over_all_its_subscriptions() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let mut reader = Reader::new(t, Duration::ZERO);
        client.subscribe(reader.recorder.port::<Delivery<Order>>()).await.unwrap().keep();
        client.subscribe(reader.recorder.port::<Delivery<Bill>>()).await.unwrap().keep();
        let mut shop = client.producer("shop");
        for n in 0..300 {
            let published = match n % 7 {
                6 => shop.publish(Bill).unwrap(),
                _ => shop.publish(order(n)).unwrap(),
            };
            assert_eq!(published.accepted, 1);
        }
        t.advance(SECOND).await;
        assert_eq!(reader.saw(), (1..=300).collect::<Vec<_>>());
        balanced(&client.stats());
    });
}

/// Who is told of orders and then asked for the bill has seen all of them.
#[test]
fn ev1_a_request_is_answered_behind_what_was_published_before_it() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let reader = Reader::new(t, Duration::from_millis(3));
        client.subscribe(reader.recorder.port::<Delivery<Bill>>()).await.unwrap().keep();
        client.subscribe(reader.recorder.port::<Delivery<Order>>()).await.unwrap().keep();
        let mut shop = client.producer("shop");
        for round in 1..=20_u64 {
            for n in 0..5 {
                let _ = shop.publish(order(n)).unwrap();
            }
            assert_eq!(*shop.request(Bill, SECOND).await.unwrap(), 5 * round);
        }
    });
}

/// A subscription that pushes out its oldest, one that refuses, and one to everything: what
/// arrives is in order, and each has its own bound.
#[test]
fn ev2_each_subscription_has_its_own_bound_in_the_one_queue() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let mut reader = Reader::new(t, SECOND);
        let orders = client.subscribe(reader.recorder.port::<Delivery<Order>>());
        orders.buffer(3, Overflow::DropOldest).await.unwrap().keep();
        let bills = client.subscribe(reader.recorder.port::<Delivery<Bill>>());
        bills.buffer(2, Overflow::Reject).await.unwrap().keep();
        let mut shop = client.producer("shop");
        let _ = shop.publish(order(0)).unwrap();
        settle().await;
        // The first is in supervisor; from now on all wait.
        for n in 0..10 {
            assert_eq!(shop.publish(order(n)).unwrap().accepted, 1);
            let bill = shop.publish(Bill).unwrap();
            assert_eq!(bill.accepted, usize::from(n < 2));
            let full = |(_, why): &(_, Refusal)| *why == Refusal::Full { capacity: 2 };
            assert!(bill.refused.iter().all(full));
        }
        let waiting: Vec<_> =
            client.stats().subscriptions.iter().map(|sub| sub.counts.pending).collect();
        assert_eq!(waiting, [4, 2], "one of them in supervisor");
        t.advance(Duration::from_secs(10)).await;
        assert_eq!(reader.saw(), [1, 3, 5, 16, 18, 20]);
        let stats = client.stats();
        balanced(&stats);
        assert_eq!((stats.counts.dropped, stats.counts.refused), (7, 8));
    });
}

/// The publisher waits for one subscription; what it publishes to the other comes behind.
#[test]
fn ev1_an_event_that_waited_for_room_keeps_its_place() {
    with_bus(async |t, bus, _| {
        let client = bus.client().within(Duration::from_secs(60));
        let mut reader = Reader::new(t, SECOND);
        let orders = client.subscribe(reader.recorder.port::<Delivery<Order>>());
        orders.buffer(1, Overflow::Block).await.unwrap().keep();
        client.subscribe(reader.recorder.port::<Delivery<Bill>>()).await.unwrap().keep();
        let mut shop = client.producer("shop");
        for n in 0..8 {
            assert_eq!(shop.publish_waiting(order(n)).await.unwrap().accepted, 1);
            assert_eq!(shop.publish(Bill).unwrap().accepted, 1);
        }
        t.advance(Duration::from_secs(20)).await;
        assert_eq!(reader.saw(), (1..=16).collect::<Vec<_>>());
    });
}

/// One that ends lets its waiting publishers go at once, and takes only its own along.
#[test]
fn ev2_a_subscription_that_ends_leaves_the_others_in_order() {
    with_bus(async |t, bus, _| {
        let client = bus.client().within(Duration::from_secs(3600));
        let mut reader = Reader::new(t, SECOND);
        let orders = client.subscribe(reader.recorder.port::<Delivery<Order>>());
        let orders = orders.buffer(1, Overflow::Block).await.unwrap();
        client.subscribe(reader.recorder.port::<Delivery<Bill>>()).await.unwrap().keep();
        let mut shop = client.producer("shop");
        let _ = shop.publish(order(0)).unwrap();
        settle().await;
        let _ = shop.publish(Bill).unwrap();
        let _ = shop.publish(order(1)).unwrap();
        let _ = shop.publish(Bill).unwrap();
        let waits = async {
            let published = shop.publish_waiting(order(2)).await.unwrap();
            assert!(matches!(published.refused[0].1, Refusal::Gone { .. }), "{published:?}");
        };
        let ends = async {
            settle().await;
            orders.end();
        };
        let began = t.node().now();
        futures_util::future::join(waits, ends).await;
        assert!(t.node().now().since(began) < SECOND, "not at the deadline");
        t.advance(Duration::from_secs(5)).await;
        assert_eq!(reader.saw(), [1, 2, 4]);
        let stats = client.stats();
        balanced(&stats);
        assert_eq!((stats.subscriptions.len(), stats.counts.discarded), (1, 1), "{stats:?}");
    });
}
