//! A transport that sends every event over a wire changes nothing for its users.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use crate::common;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Order, SECOND, numbers, order, order_of, probe, settle};
use ms_bus::{
    AnyEvent, BusConfig, Delivery, EventBus, Header, Interest, Local, Payload, Published, Transport,
};
use ms_testkit::{Probe, TestSystem};

/// Turns each event into bytes and back, as a server between two processes would.
#[derive(Debug, Default)]
struct Wire {
    interest: Mutex<Vec<Interest>>,
}

fn over_the_wire(event: &AnyEvent) -> AnyEvent {
    let header = serde_json::to_vec(&*event.header).unwrap();
    let payload = event.payload.encode().unwrap();
    let header: Header = serde_json::from_slice(&header).unwrap();
    let replies = event.replies.clone();
    AnyEvent { header: Arc::new(header), payload: Payload::json(payload), replies }
}

impl Transport for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    fn send(&self, event: &AnyEvent, local: &Local) -> Published {
        local.deliver(&over_the_wire(event))
    }

    fn send_waiting<'a>(
        &'a self,
        event: &'a AnyEvent,
        local: &'a Local,
        within: Duration,
    ) -> Pin<Box<dyn Future<Output = Published> + Send + 'a>> {
        Box::pin(async move { local.deliver_waiting(&over_the_wire(event), within).await })
    }

    fn interest(&self, interest: &[Interest]) {
        *self.interest.lock().unwrap() = interest.to_vec();
    }
}

#[test]
fn users_do_not_notice_a_wire() {
    TestSystem::run(async |t| {
        let wire = Arc::new(Wire::default());
        let bus = EventBus::with_transport(BusConfig::default(), wire.clone(), || 7);
        common::start(t, &bus).await;
        let client = bus.client();
        assert_eq!(client.transport(), "wire");
        let got = probe(t, "got");
        let subscription = client.subscribe(got.port()).await.unwrap();
        let answers = Probe::answering(t.node(), "answers", |asked: &Delivery<Order>| {
            asked.reply(format!("{}", asked.event.number));
        });
        let answers = answers.unwrap();
        let _a = client.subscribe(answers.port()).to("orders.us.*").group("g").await.unwrap();
        let wanted: Vec<_> =
            wire.interest.lock().unwrap().iter().map(|i| i.filter.to_string()).collect();
        assert_eq!(wanted, ["orders.*.placed", "orders.us.*"]);

        let mut shop = client.producer("shop");
        let _ = shop.publish(order_of("ann", 1)).unwrap();
        let _ = shop.publish_waiting(order(2)).await.unwrap();
        let got = got.expect_many(2, SECOND).await;
        assert_eq!(numbers(&got), [1, 2]);
        assert_eq!(got[0].event.customer.as_deref(), Some("ann"));
        assert_eq!((got[0].header.sequence, got[0].header.unix_ms), (1, 7));
        assert!(got[0].header.partition.is_some());
        let us = Order { region: "us".to_owned(), ..order(9) };
        assert_eq!(*shop.request(us, SECOND).await.unwrap(), "9");
        drop(subscription);
        settle().await;
        assert_eq!(wire.interest.lock().unwrap().len(), 1);
    });
}
