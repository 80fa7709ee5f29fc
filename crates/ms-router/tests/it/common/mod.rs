//! What the tests share: a node with virtual time, and children that can crash and come back.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests, each of which uses its part"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::prelude::*;
use ms_actor::{Blueprint, Context, MailboxSpec, Node};
use ms_router::{Router, RouterConfig};
use ms_testkit::TestSystem;
pub use ms_testkit::{ManualSupervisor as Child, clock::settle};

/// Runs a test on one thread, with a clock that jumps when there is nothing to do.
pub fn virtually<F: Future<Output = ()>>(test: impl FnOnce(Node) -> F) {
    TestSystem::run(async |t| test(t.node().clone()).await);
}

/// A handler that behaves as it is told.
pub struct Worker {
    pub number: u32,
    pub delay: Duration,
    pub handled: Arc<AtomicU32>,
}

impl Actor for Worker {
    type Context = Context<Self>;
}

/// Asks for the worker's number, or for an error.
#[derive(Message, Clone)]
#[rtype(result = "Result<u32, String>")]
pub struct Number {
    pub refused_by: u32,
}

impl Handler<Number> for Worker {
    type Result = AtomicResponse<Self, Result<u32, String>>;

    fn handle(&mut self, Number { refused_by }: Number, _: &mut Self::Context) -> Self::Result {
        self.handled.fetch_add(1, Ordering::Relaxed);
        let (number, delay) = (self.number, self.delay);
        let answer = async move {
            tokio::time::sleep(delay).await;
            if number == refused_by { Err(format!("{number} refuses")) } else { Ok(number) }
        };
        AtomicResponse::new(Box::pin(answer.into_actor(self)))
    }
}

/// A message with a key; the answer is the worker's number.
#[derive(Message, Clone)]
#[rtype(result = "u32")]
pub struct Keyed(pub u64);

impl Handler<Keyed> for Worker {
    type Result = u32;

    fn handle(&mut self, _: Keyed, _: &mut Self::Context) -> u32 {
        self.handled.fetch_add(1, Ordering::Relaxed);
        self.number
    }
}

/// A supervised worker that takes so long for each message, with a mailbox of so many.
pub fn worker(
    node: &Node,
    number: u32,
    delay_ms: u64,
    mailbox: usize,
) -> (Child<Worker>, Arc<AtomicU32>) {
    let handled = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&handled);
    let make = move || Worker {
        number,
        delay: Duration::from_millis(delay_ms),
        handled: Arc::clone(&counter),
    };
    let blueprint = Blueprint::actor(make).mailbox(MailboxSpec::bounded(mailbox));
    (Child::start(node, &format!("/root/workers/w{number}"), &blueprint), handled)
}

/// A router that can crash, and so many workers with routes for both messages.
pub async fn pool(node: &Node, delays: &[u64]) -> (Router, Vec<Child<Worker>>) {
    let router = Router::spawn(node, "router", RouterConfig::default()).unwrap();
    let mut workers = Vec::new();
    for (number, delay) in (0..).zip(delays) {
        let (child, _) = worker(node, number, *delay, 1024);
        router.add_route::<Number>(child.reference.port()).await.unwrap();
        router.add_route::<Keyed>(child.reference.port()).await.unwrap();
        workers.push(child);
    }
    (router, workers)
}
