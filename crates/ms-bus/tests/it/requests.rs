//! Request and reply.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::{Order, SECOND, order, probe, settle, with_bus};
use ms_actor::Overflow;
use ms_bus::{Delivery, RequestError};
use ms_testkit::Probe;

fn answering(t: &ms_testkit::TestSystem, name: &'static str) -> Probe<Delivery<Order>> {
    Probe::answering(t.node(), name, move |asked: &Delivery<Order>| {
        asked.reply(format!("{name} has {}", asked.event.number));
    })
    .unwrap()
}

/// S8.2-03: a request is answered by one of a group; the first answer of many counts.
#[test]
fn s8_2_03_a_request_is_answered() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let (a, b) = (answering(t, "a"), answering(t, "b"));
        let _a = client.subscribe(a.port()).group("stock").await.unwrap();
        let _b = client.subscribe(b.port()).group("stock").await.unwrap();
        let mut shop = client.producer("shop");
        let first = shop.request(order(1), SECOND);
        let second = shop.request(order(2), SECOND);
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!((first.as_str(), second.as_str()), ("a has 1", "b has 2"));
        let published = shop.publish(order(3)).unwrap();
        assert_eq!(published.accepted, 1);
        a.expect_many(2, SECOND).await;
        let asked = b.expect(SECOND).await;
        assert!(!asked.is_asked(), "it was answered");
        assert!(!asked.reply("again".to_owned()), "the first answer counts");
    });
}

/// Why there is no answer is asked apart.
#[test]
fn a_request_without_an_answer_says_why() {
    with_bus(async |t, bus, _| {
        let client = bus.client();
        let mut shop = client.producer("shop");
        let error = shop.request(order(1), SECOND).await.unwrap_err();
        assert!(matches!(error, RequestError::NoResponders { .. }), "{error}");
        let silent = probe(t, "silent");
        let silent_too = client.subscribe(silent.port()).buffer(1, Overflow::Reject).await.unwrap();
        let asked = shop.request(order(2), SECOND);
        let got = silent.expect(SECOND).await;
        assert!(got.is_asked());
        drop(got);
        let error = asked.await.unwrap_err();
        assert!(matches!(error, RequestError::NoReply { .. }), "at once: {error}");
        silent.any().suspend();
        let began = t.node().now();
        let error = shop.request(order(3), 3 * SECOND).await.unwrap_err();
        assert!(matches!(error, RequestError::TimedOut { .. }), "{error}");
        assert_eq!(t.node().now().since(began), Duration::from_secs(3));
        let _ = shop.publish(order(4)).unwrap();
        let error = shop.request(order(5), SECOND).await.unwrap_err();
        assert!(matches!(error, RequestError::NotTaken { matched: 1, .. }), "{error}");
        drop(silent_too);
        settle().await;
    });
}
