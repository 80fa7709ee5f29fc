//! Events reach who wants them: by subject, in order, once a subscription.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use crate::common;

use actix::prelude::*;
use common::{Order, SECOND, balanced, numbers, order, order_of, probe, settle, with_bus};
use ms_bus::{AnyEvent, Delivery, Event, PublishError, SubjectError, SubscribeError};
use ms_testkit::Probe;
use serde::{Deserialize, Serialize};

/// S6.2-05, S1.3-03: 100 of 100 in order at each of two subscribers, from two producers at once.
#[test]
fn s6_2_05_every_subscriber_gets_all_events_of_each_producer_in_order() {
    with_bus(async |t, bus, _| {
        let (first, second) = (probe(t, "first"), probe(t, "second"));
        let _a = bus.client().subscribe(first.port()).await.unwrap();
        let _b = bus.client().subscribe(second.port()).await.unwrap();
        let mut north = bus.client().producer("north");
        let mut south = bus.client().producer("south");
        for n in 1..=100 {
            for producer in [&mut north, &mut south] {
                let published = producer.publish(order(n)).unwrap();
                assert_eq!((published.matched, published.accepted), (2, 2));
            }
        }
        for subscriber in [first, second] {
            let got = subscriber.expect_many(200, SECOND).await;
            for producer in ["north", "south"] {
                let of = got.iter().filter(|delivery| &*delivery.header.producer == producer);
                let of: Vec<_> = of.cloned().collect();
                assert_eq!(numbers(&of), (1..=100).collect::<Vec<_>>());
                let sequence = of.iter().map(|delivery| delivery.header.sequence);
                assert!(sequence.eq(1..=100), "numbered without gaps");
            }
        }
        settle().await;
        let stats = bus.client().stats();
        assert_eq!((stats.published, stats.counts.handled, stats.counts.pending), (200, 400, 0));
        balanced(&stats);
    });
}

/// S6.2-03: who subscribes to a type gets it, typed; filters choose among its subjects.
#[test]
fn s6_2_03_subscriptions_are_typed_and_wildcards_choose() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let (all, eu, every) =
            (probe(t, "all"), probe(t, "eu"), Probe::<AnyEvent>::new(t.node(), "every").unwrap());
        let _all = client.subscribe(all.port()).await.unwrap();
        let _eu = client.subscribe(eu.port()).to("orders.eu.*").await.unwrap();
        let _every = client.subscribe_any(every.port()).await.unwrap();
        let mut shop = client.producer("shop");
        for (number, region) in (0..).zip(["eu", "us", "eu"]) {
            let published = shop.publish(Order { region: region.to_owned(), ..order(number) });
            assert_eq!(published.unwrap().matched, if region == "eu" { 3 } else { 2 });
        }
        assert_eq!(numbers(&all.expect_many(3, SECOND).await), [0, 1, 2]);
        assert_eq!(numbers(&eu.expect_many(2, SECOND).await), [0, 2]);
        let any = every.expect_many(3, SECOND).await;
        assert_eq!(any[1].header.subject.as_str(), "orders.us.placed");
        assert_eq!(any[1].payload.read::<Order>().unwrap().number, 1);
        eu.expect_silence(SECOND).await;
    });
}

/// The header says who, when, in which order, because of what, and by which key.
#[test]
fn s9_1_03_the_header_of_an_event_says_what_is_known_of_it() {
    with_bus(async |t, bus, _| {
        let got = probe(t, "got");
        let _got = bus.client().subscribe(got.port()).await.unwrap();
        let mut shop = bus.client().producer("/root/shop");
        t.advance(SECOND).await;
        let _ = shop.publish(order(1)).unwrap();
        let first = got.expect(SECOND).await.header;
        assert_eq!((&*first.producer, first.sequence), ("/root/shop", 1));
        assert_eq!((first.cause, &first.key, first.partition), (None, &None, None));
        assert_eq!(first.unix_ms, t.node().now().as_millis());
        let _ = shop.caused_by(Some(first.id)).publish(order_of("ann", 2)).unwrap();
        let second = got.expect(SECOND).await.header;
        assert_eq!((second.cause, second.sequence), (Some(first.id), 2));
        assert_eq!(second.key.as_deref(), Some("ann"));
        assert!(second.partition.is_some_and(|partition| partition < 64), "{:?}", second.partition);
        assert!(second.id > first.id || second.unix_ms == first.unix_ms);
        let _ = bus.client().producer("/root/shop").publish(order(3)).unwrap();
        let other = got.expect(SECOND).await.header;
        assert_eq!(other.sequence, 1);
        assert_ne!(other.life, first.life, "another producer of the same name");
    });
}

#[derive(Serialize, Deserialize)]
struct Elsewhere(String);

impl Event for Elsewhere {
    const SUBJECT: &'static str = "stock.>";

    fn subject(&self) -> std::borrow::Cow<'static, str> {
        self.0.clone().into()
    }
}

#[test]
fn bad_subjects_filters_and_groups_are_refused_with_the_reason() {
    with_bus(async |t, bus, _| {
        let mut shop = bus.client().producer("shop");
        let error = shop.publish(Elsewhere("stock..x".to_owned())).unwrap_err();
        let PublishError::Subject { source, .. } = error else { panic!("{error}") };
        assert!(matches!(source, SubjectError::EmptyToken { at: 2, .. }));
        let error = shop.publish(Elsewhere("orders.eu".to_owned())).unwrap_err();
        assert!(matches!(error, PublishError::OutsideType { .. }), "{error}");
        assert_eq!(shop.sequence(), 0, "what is refused uses up no number");
        let got = probe(t, "got");
        let error = bus.client().subscribe(got.port()).to("a.>.b").await.unwrap_err();
        assert!(matches!(error, SubscribeError::Filter(SubjectError::RestNotLast { .. })));
        let error = bus.client().subscribe(got.port()).group("a.b").await.unwrap_err();
        assert!(matches!(error, SubscribeError::Group(name) if name == "a.b"));
        assert_eq!(shop.publish(Elsewhere("stock.x".to_owned())).unwrap().matched, 0);
        assert_eq!(bus.client().stats().unmatched, 1);
    });
}

#[derive(Debug, Serialize, Deserialize)]
struct Brief {
    number: u64,
}

impl Event for Brief {
    const SUBJECT: &'static str = "orders.*.placed";
}

#[derive(Debug, Serialize, Deserialize)]
struct Odd {
    weight: f64,
}

impl Event for Odd {
    const SUBJECT: &'static str = "orders.*.placed";
}

/// As over a wire: another type of the same subject is read out of what was published, or
/// counted as unreadable.
#[test]
fn another_type_of_the_same_subject_is_read_or_counted() {
    with_bus(async |t, bus, _| {
        let brief = Probe::<Delivery<Brief>>::new(t.node(), "brief").unwrap();
        let odd = Probe::<Delivery<Odd>>::new(t.node(), "odd").unwrap();
        let _brief = bus.client().subscribe(brief.port()).await.unwrap();
        let _odd = bus.client().subscribe(odd.port()).await.unwrap();
        let _ = bus.client().producer("shop").publish(order(7)).unwrap();
        assert_eq!(brief.expect(SECOND).await.event.number, 7);
        odd.expect_silence(SECOND).await;
        let stats = bus.client().stats();
        assert_eq!(stats.counts.unreadable, 1);
        balanced(&stats);
    });
}

struct Plain(Vec<u64>);

impl Actor for Plain {
    type Context = actix::Context<Self>;
}

impl Handler<Delivery<Order>> for Plain {
    type Result = ();

    fn handle(&mut self, order: Delivery<Order>, _: &mut Self::Context) {
        self.0.push(order.event.number);
    }
}

struct Seen;

impl Message for Seen {
    type Result = Vec<u64>;
}

impl Handler<Seen> for Plain {
    type Result = MessageResult<Seen>;

    fn handle(&mut self, _: Seen, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.0.clone())
    }
}

/// S1.3-03: unchanged actix actors and code that is no actor subscribe as well.
#[test]
fn s1_3_03_plain_actix_actors_and_tasks_take_part() {
    with_bus(async |t, bus, _| {
        let plain = t.actor("plain", Plain(Vec::new())).await.unwrap();
        let _plain = bus.client().subscribe(plain.port::<Delivery<Order>>()).await.unwrap();
        let mut feed = bus.client().feed::<Order>().to("orders.eu.>").open().await.unwrap();
        let task = actix::spawn(async move {
            let mut got = Vec::new();
            while got.len() < 3 {
                got.push(feed.next().await.unwrap().event.number);
            }
            got
        });
        let mut shop = bus.client().producer("shop");
        for n in 1..=3 {
            assert_eq!(shop.publish(order(n)).unwrap().accepted, 2);
        }
        assert_eq!(task.await.unwrap(), [1, 2, 3]);
        settle().await;
        assert_eq!(plain.ask(Seen).await.unwrap(), [1, 2, 3]);
        let stats = bus.client().stats();
        assert_eq!(stats.subscriptions.len(), 1, "the feed's went with it");
        balanced(&stats);
    });
}
