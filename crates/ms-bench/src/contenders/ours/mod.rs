//! The MS Framework with its default settings: supervised, accounted, tracing hooks on.
//!
//! A node with one arbiter in its pool. In workloads of one thread the actors live on the
//! main thread, beside their supervisor ([`Placement::WithParent`]); in those of two on
//! the pool's arbiter, which is the default placement.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, Handler, Message, System};
use ms_actor::{Context, Node, NodeConfig, Placement, Ref, SendError};
use ms_supervisor::{ChildSpec, SupervisorRef, SupervisorSpec, start_root};
use tokio::task::JoinHandle;

use crate::peer::{DONE, Peer, Ring};
use crate::sample::{Sample, Threads};
use crate::workloads::{Job, ask, fan_out, idle, mass_restart, names, publish};
use crate::workloads::{restart, ring, skynet, spawn, tell};

mod heartbeats;
mod naming;
mod population;
mod supervision;
mod tree;

pub(crate) fn run(job: Job) -> Sample {
    match job {
        Job::Tell(size) => tell::measure::<Ours>(size),
        Job::Ask(size) => ask::measure::<Ours>(size),
        Job::Ring(size) => ring::measure::<Ours>(size),
        Job::Skynet(size) => skynet::measure::<Ours>(size),
        Job::Spawn(size) => spawn::measure::<Ours>(size),
        Job::Idle(size) => idle::measure::<Ours>(size),
        Job::FanOut(size) => fan_out::measure::<Ours>(size),
        Job::Restart(size) => restart::measure::<Ours>(size),
        Job::MassRestart(size) => mass_restart::measure::<Ours>(size),
        Job::Names(size) => names::measure::<Ours>(size),
        Job::Publish(size) => publish::measure::<Ours>(size),
        Job::Heartbeats(size) => heartbeats::measure(size),
        Job::Tree(size) => tree::measure(size),
    }
}

/// A running node with a root supervisor.
#[derive(Clone)]
pub(super) struct Ours {
    node: Node,
    root: SupervisorRef,
    /// The supervisor of actors without names.
    pool: SupervisorRef,
    placement: Placement,
}

/// Numbers the names of children whose name does not matter.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn fresh(what: &str) -> String {
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[derive(Default)]
pub(crate) struct Counter {
    count: u64,
    next: Option<Ref<Self>>,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

#[derive(Message, Clone)]
#[rtype(result = "()")]
struct Add(u64);

#[derive(Message)]
#[rtype(result = "u64")]
struct Get;

#[derive(Message)]
#[rtype(result = "()")]
struct Link(Ref<Counter>);

#[derive(Message)]
#[rtype(result = "()")]
struct Hop(u64);

impl Handler<Add> for Counter {
    type Result = ();
    fn handle(&mut self, Add(n): Add, _: &mut Self::Context) {
        // The optimiser must not find out that nobody reads it. All contenders do the same.
        std::hint::black_box(n);
        self.count += 1;
    }
}

impl Handler<Get> for Counter {
    type Result = u64;
    fn handle(&mut self, _: Get, _: &mut Self::Context) -> u64 {
        self.count
    }
}

impl Handler<Link> for Counter {
    type Result = ();
    fn handle(&mut self, Link(next): Link, _: &mut Self::Context) {
        self.next = Some(next);
    }
}

impl Handler<Hop> for Counter {
    type Result = ();
    fn handle(&mut self, Hop(left): Hop, _: &mut Self::Context) {
        self.count += 1;
        match &self.next {
            // There is one token, so no mailbox ever holds more than one message.
            Some(next) if left > 0 => next.try_tell(Hop(left - 1)).expect("has room"),
            _ => DONE.notify_one(),
        }
    }
}

impl Peer for Ours {
    type Counter = Ref<Counter>;

    fn run<T>(threads: Threads, work: impl AsyncFnOnce(&Self) -> T) -> T {
        System::new().block_on(async {
            // One arbiter, as the peers have one thread for their actors too.
            let config = NodeConfig { arbiters: 1, ..NodeConfig::default() };
            let node = Node::boot(config).expect("boots");
            let placement = match threads {
                Threads::One => Placement::WithParent,
                Threads::Two => Placement::Pool,
            };
            let template = population::idle_spec().placement(placement);
            let tree = SupervisorSpec::one_for_one("root")
                .child(ChildSpec::supervisor(SupervisorSpec::dynamic("pool", template)));
            let root = start_root(&node, tree).await.expect("starts");
            let pool = root.supervisor("pool").await.expect("there");
            let ours = Self { node, root: root.as_supervisor().clone(), pool, placement };
            let result = work(&ours).await;
            ours.node.halt(Duration::from_secs(5));
            result
        })
    }

    async fn counter(&self) -> Ref<Counter> {
        let spec = ChildSpec::actor(fresh("counter"), Counter::default).placement(self.placement);
        let started = self.root.start_child(spec).await.expect("starts");
        started.typed().expect("a counter")
    }

    async fn tell(counter: &Ref<Counter>, n: u64) {
        match counter.try_tell(Add(n)) {
            Ok(()) => {}
            Err(SendError::Full { message, .. }) => {
                counter.tell(message).await.expect("finds room");
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn ask(counter: &Ref<Counter>) -> u64 {
        counter.ask(Get).await.expect("answers")
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        actix_rt::spawn(task)
    }
}

impl Ring for Ours {
    async fn link(counter: &Ref<Counter>, next: Ref<Counter>) {
        counter.tell(Link(next)).await.expect("sent");
    }

    async fn hop(counter: &Ref<Counter>, hops: u64) {
        counter.tell(Hop(hops)).await.expect("sent");
    }
}
