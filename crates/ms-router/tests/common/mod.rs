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
use ms_actor::host::{ChildEvent, ChildSink, Parent};
use ms_actor::{AnyRef, Blueprint, Context, Fault, MailboxSpec, Node, NodeConfig, Placement, Ref};
use ms_core::{ActorPath, ExitReason};
use ms_router::{Router, RouterConfig};

/// Runs a test on one thread, with a clock that jumps when there is nothing to do.
pub fn virtually<F: Future<Output = ()>>(test: impl FnOnce(Node) -> F) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    System::with_tokio_rt(runtime).block_on(async move {
        test(Node::boot(NodeConfig::single_arbiter()).unwrap()).await;
    });
}

/// Lets everything happen that can without time passing.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
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

/// A supervisor that does nothing by itself: the test says when a child is started again.
struct Silent;

impl ChildSink for Silent {
    fn child_event(&self, _: ChildEvent) {}
}

/// A supervised child: crash it, bring it back, end it for good.
pub struct Child<A: ms_actor::Hosted> {
    pub any: AnyRef,
    pub reference: Ref<A>,
}

impl<A: ms_actor::Hosted> Child<A> {
    pub fn start(node: &Node, path: &str, blueprint: &Blueprint) -> Self {
        let parent = Parent { sink: Arc::new(Silent), key: 1 };
        let any = blueprint.cell(node, ActorPath::new(path).unwrap(), Some(parent));
        any.launch(Placement::Pool);
        Self { reference: any.typed().unwrap(), any }
    }

    pub async fn crash(&self) {
        self.any.inject(Fault::Panic);
        self.down().await;
    }

    pub async fn kill(&self) {
        self.any.kill();
        self.down().await;
    }

    async fn down(&self) {
        while self.any.is_alive() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub fn restart(&self) {
        self.any.mark_restarting();
        self.any.launch(Placement::Pool);
    }

    pub fn give_up(&self) {
        self.any.close(&ExitReason::Shutdown);
    }
}
