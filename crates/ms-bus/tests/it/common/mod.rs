//! What the tests share: a bus in a tree in virtual time, events, subscribers.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its part"
)]

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use ms_actor::{AnyRef, Blueprint, Context, MailboxSpec, Node};
use ms_bus::{BusClient, BusConfig, BusStats, Delivery, Event, EventBus, InProcess, Request};
use ms_supervisor::{SupervisorRef, SupervisorSpec};
pub use ms_testkit::clock::settle;
use ms_testkit::{ManualSupervisor, Probe, TestSystem};
use serde::{Deserialize, Serialize};

pub const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub region: String,
    pub number: u64,
    pub customer: Option<String>,
}

impl Event for Order {
    const SUBJECT: &'static str = "orders.*.placed";

    fn subject(&self) -> Cow<'static, str> {
        format!("orders.{}.placed", self.region).into()
    }

    fn key(&self) -> Option<Cow<'_, str>> {
        self.customer.as_deref().map(Cow::from)
    }
}

impl Request for Order {
    type Reply = String;
}

pub fn order(number: u64) -> Order {
    Order { region: "eu".to_owned(), number, customer: None }
}

pub fn order_of(customer: &str, number: u64) -> Order {
    Order { customer: Some(customer.to_owned()), ..order(number) }
}

pub fn numbers(deliveries: &[Delivery<Order>]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.event.number).collect()
}

/// Runs a test with a bus at `/root/event-bus` whose stamps are the node's time.
pub fn with_bus(test: impl AsyncFnOnce(&TestSystem, EventBus, SupervisorRef)) {
    TestSystem::run(async |t| {
        let node = t.node().clone();
        let clock = move || node.now().as_millis();
        let bus = EventBus::with_transport(BusConfig::default(), Arc::new(InProcess), clock);
        let root = start(t, &bus).await;
        test(t, bus, root).await;
    });
}

pub async fn start(t: &TestSystem, bus: &EventBus) -> SupervisorRef {
    let tree =
        SupervisorSpec::one_for_one("root").intensity(100, SECOND).child(bus.child("event-bus"));
    t.start(tree).await.as_supervisor().clone()
}

pub async fn actor(root: &SupervisorRef, path: &str) -> AnyRef {
    root.find(&path.parse().unwrap()).await.unwrap()
}

pub fn probe(t: &TestSystem, name: &str) -> Probe<Delivery<Order>> {
    Probe::new(t.node(), name).unwrap()
}

/// A subscriber that takes so long for each event.
pub struct Slow {
    pub each: Duration,
    pub bus: BusClient,
}

impl Actor for Slow {
    type Context = Context<Self>;
}

impl Handler<Delivery<Order>> for Slow {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Delivery<Order>, _: &mut Self::Context) -> Self::Result {
        let each = self.each;
        AtomicResponse::new(Box::pin(
            async move { tokio::time::sleep(each).await }.into_actor(self),
        ))
    }
}

/// A slow subscriber that can crash, come back and be given up; its own mailbox holds so many.
pub fn slow(
    node: &Node,
    name: &str,
    bus: &BusClient,
    each: Duration,
    mailbox: MailboxSpec,
) -> ManualSupervisor<Slow> {
    let bus = bus.clone();
    let blueprint = Blueprint::actor(move || Slow { each, bus: bus.clone() }).mailbox(mailbox);
    ManualSupervisor::start(node, &format!("/root/{name}"), &blueprint)
}

/// The accounts balance: each event that was accepted became of something.
pub fn balanced(stats: &BusStats) {
    let sums = std::iter::once(stats.counts).chain(stats.subscriptions.iter().map(|s| s.counts));
    for c in sums {
        let known = c.handled + c.dropped + c.lost + c.unreadable + c.discarded + c.pending;
        assert_eq!(c.accepted, known, "{stats:#?}");
    }
}
