//! Agents on the bus, and the log of events.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use crate::common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use common::{Order, SECOND, order, settle};
use ms_bus::{AnyEvent, BusClient, BusConfig, Delivery, EventBus, Filter, Producer};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_testkit::{Probe, TestSystem};
use ms_worker::{Agent, AgentSpec, Cx, Handles, InitError};

struct Biller {
    out: Producer,
}

impl Agent for Biller {
    type Args = BusClient;

    async fn init(bus: BusClient, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        let orders = bus.subscribe(cx.me().port::<Delivery<Order>>()).to("orders.eu.*");
        orders.await.unwrap().keep();
        Ok(Self { out: bus.producer(cx.path().to_string()) })
    }
}

impl Handles<Delivery<Order>> for Biller {
    async fn on(&mut self, order: Delivery<Order>, _: &mut Cx<Self>) {
        let bill = Order { region: "bills".to_owned(), ..Order::clone(&order.event) };
        let _ = self.out.caused_by(Some(order.header.id)).publish(bill).unwrap();
    }
}

/// S1.3-03: an agent subscribes in its init, works, and publishes what came of it.
#[test]
fn s1_3_03_agents_publish_and_subscribe() {
    TestSystem::run(async |t| {
        let bus = EventBus::new(BusConfig::default());
        let tree = SupervisorSpec::one_for_one("root")
            .child(bus.child("event-bus"))
            .child(ChildSpec::agent::<Biller>("biller", bus.client()));
        t.start(tree).await;
        let all = Probe::<AnyEvent>::new(t.node(), "all").unwrap();
        let _all = bus.client().subscribe_any(all.port()).await.unwrap();
        let mut shop = bus.client().producer("shop");
        let _ = shop.publish(order(1)).unwrap();
        let got = all.expect_many(2, SECOND).await;
        assert_eq!(got[1].header.subject.as_str(), "orders.bills.placed");
        assert_eq!(&*got[1].header.producer, "/root/biller");
        assert_eq!(got[1].header.cause, Some(got[0].header.id));
    });
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// S1.2-04: the log shows ids of events that match, at most so many a second, and how many
/// were left out.
#[test]
fn s1_2_04_ids_of_events_are_in_the_log_within_a_rate() {
    let lines = Lines::default();
    let to = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    TestSystem::run(async |t| {
        let bus = EventBus::new(BusConfig::default());
        let bus = bus.log(Filter::new("orders.eu.>").unwrap(), 3);
        common::start(t, &bus).await;
        let all = Probe::<AnyEvent>::new(t.node(), "all").unwrap();
        let _all = bus.client().subscribe_any(all.port()).await.unwrap();
        let mut shop = bus.client().producer("shop");
        for n in 0..8 {
            let _ = shop.publish(order(n)).unwrap();
        }
        let _ = shop.publish(Order { region: "us".to_owned(), ..order(8) }).unwrap();
        settle().await;
        t.advance(SECOND).await;
        let _ = shop.publish(order(9)).unwrap();
        let got = all.expect_many(10, SECOND).await;
        settle().await;
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let logged: Vec<_> = text.lines().filter(|line| line.contains("ms_bus::log")).collect();
        assert_eq!(logged.len(), 4, "{text}");
        for (line, at) in logged.iter().zip([0, 1, 2, 9]) {
            assert!(line.contains(&got[at].header.id.to_string()), "{line}");
            assert!(line.contains("orders.eu.placed") && line.contains("shop"), "{line}");
        }
        assert!(logged[3].contains("left_out=5"), "{}", logged[3]);
    });
}
