//! kameo 0.22: a handler for each message type, bounded mailboxes that make a sender wait, supervision
//! by `supervise`.

use std::time::Duration;

use ::kameo::Actor;
use ::kameo::actor::{ActorRef, Spawn};
use ::kameo::error::Infallible;
use ::kameo::message::{Context, Message};
use ::kameo::supervision::SupervisionStrategy;

use super::tokio_rt::{self, Side};
use crate::peer::{Alive, DONE, Names, Peer, Populates, Ring, Skynet, Supervises, answer};
use crate::sample::{NoFigure, Sample, Threads};
use crate::workloads::{Job, ask, fan_out, idle, mass_restart, names};
use crate::workloads::{restart, ring, skynet, spawn, tell};

pub(crate) fn run(job: Job) -> Sample {
    match job {
        Job::Tell(size) => tell::measure::<Kameo>(size),
        Job::Ask(size) => ask::measure::<Kameo>(size),
        Job::Ring(size) => ring::measure::<Kameo>(size),
        Job::Skynet(size) => skynet::measure::<Kameo>(size),
        Job::Spawn(size) => spawn::measure::<Kameo>(size),
        Job::Idle(size) => idle::measure::<Kameo>(size),
        Job::FanOut(size) => fan_out::measure::<Kameo>(size),
        Job::Restart(size) => restart::measure::<Kameo>(size),
        Job::MassRestart(size) => mass_restart::measure::<Kameo>(size),
        Job::Names(size) => names::measure::<Kameo>(size),
        Job::Publish(_) => Err(NoFigure::lacks("has none: the crate kameo_actors does")),
        Job::Heartbeats(_) => Err(NoFigure::lacks("has no heartbeats")),
        Job::Tree(_) => Err(NoFigure::lacks("has a console of its own, not measured")),
    }
}

struct Kameo {
    side: Side,
    supervisor: ActorRef<Supervisor>,
}

#[derive(Actor)]
struct Supervisor;

#[derive(Actor, Default)]
struct Counter {
    count: u64,
    next: Option<ActorRef<Self>>,
}

struct Add(u64);
struct Get;
struct Link(ActorRef<Counter>);
struct Hop(u64);

impl Message<Add> for Counter {
    type Reply = ();
    async fn handle(&mut self, Add(n): Add, _: &mut Context<Self, ()>) {
        std::hint::black_box(n);
        self.count += 1;
    }
}

impl Message<Get> for Counter {
    type Reply = u64;
    async fn handle(&mut self, _: Get, _: &mut Context<Self, u64>) -> u64 {
        self.count
    }
}

impl Message<Link> for Counter {
    type Reply = ();
    async fn handle(&mut self, Link(next): Link, _: &mut Context<Self, ()>) {
        self.next = Some(next);
    }
}

impl Message<Hop> for Counter {
    type Reply = ();
    async fn handle(&mut self, Hop(left): Hop, _: &mut Context<Self, ()>) {
        self.count += 1;
        match &self.next {
            Some(next) if left > 0 => next.tell(Hop(left - 1)).await.expect("sent"),
            _ => DONE.notify_one(),
        }
    }
}

impl Peer for Kameo {
    type Counter = ActorRef<Counter>;

    fn run<T>(threads: Threads, work: impl AsyncFnOnce(&Self) -> T) -> T {
        tokio_rt::run(threads, async |side| {
            work(&Self { side, supervisor: Supervisor::spawn(Supervisor) }).await
        })
    }

    async fn counter(&self) -> ActorRef<Counter> {
        let supervisor = self.supervisor.clone();
        let start =
            async move { Counter::supervise_with(&supervisor, Counter::default).spawn().await };
        self.side.there(start).await
    }

    async fn tell(counter: &ActorRef<Counter>, n: u64) {
        counter.tell(Add(n)).await.expect("sent");
    }

    async fn ask(counter: &ActorRef<Counter>) -> u64 {
        counter.ask(Get).await.expect("answers")
    }
}

impl Ring for Kameo {
    async fn link(counter: &ActorRef<Counter>, next: ActorRef<Counter>) {
        counter.tell(Link(next)).await.expect("sent");
    }

    async fn hop(counter: &ActorRef<Counter>, hops: u64) {
        counter.tell(Hop(hops)).await.expect("sent");
    }
}

#[derive(Actor)]
struct Idle {
    _alive: Alive,
}

impl Populates for Kameo {
    type Idle = ActorRef<Idle>;

    async fn start(&self, supervised: bool) -> ActorRef<Idle> {
        let idle = || Idle { _alive: Alive::new() };
        if supervised {
            return Idle::supervise_with(&self.supervisor, idle).spawn().await;
        }
        Idle::spawn(idle())
    }

    async fn stop(&self, idle: Vec<ActorRef<Idle>>, supervised: bool) {
        if supervised {
            self.supervisor.stop_gracefully().await.expect("told");
        }
        drop(idle);
    }
}

/// The parent of a node of the skynet tree.
enum Above {
    Root(tokio::sync::oneshot::Sender<u64>),
    Node(ActorRef<Branch>),
}

struct Branch {
    above: Option<Above>,
    missing: u8,
    sum: u64,
}

struct Sum(u64);

impl Branch {
    async fn answer(&mut self, sum: u64) {
        match self.above.take() {
            Some(Above::Root(root)) => answer(root, sum),
            Some(Above::Node(above)) => above.tell(Sum(sum)).await.expect("sent"),
            None => {}
        }
    }
}

impl Actor for Branch {
    type Args = (Above, u64, u64);
    type Error = Infallible;

    async fn on_start(
        (above, number, size): Self::Args,
        me: ActorRef<Self>,
    ) -> Result<Self, Infallible> {
        let mut branch = Self { above: Some(above), missing: 10, sum: 0 };
        if size == 1 {
            branch.answer(number).await;
        } else {
            let below = size / 10;
            for at in 0..10 {
                Self::spawn((Above::Node(me.clone()), number + at * below, below));
            }
        }
        Ok(branch)
    }
}

impl Message<Sum> for Branch {
    type Reply = ();
    async fn handle(&mut self, Sum(sum): Sum, _: &mut Context<Self, ()>) {
        self.sum += sum;
        self.missing -= 1;
        if self.missing == 0 {
            // It is not stopped: it ends with its last reference, which its children had.
            self.answer(self.sum).await;
        }
    }
}

impl Skynet for Kameo {
    async fn skynet(&self, leaves: u64) -> u64 {
        let (answer, root) = tokio::sync::oneshot::channel();
        Branch::spawn((Above::Root(answer), 0, leaves));
        root.await.expect("the root answers")
    }
}

#[derive(Actor, Default)]
struct Fragile {
    answered: u64,
}

struct Answer;
struct Crash;

impl Message<Answer> for Fragile {
    type Reply = u64;
    async fn handle(&mut self, _: Answer, _: &mut Context<Self, u64>) -> u64 {
        self.answered += 1;
        self.answered - 1
    }
}

impl Message<Crash> for Fragile {
    type Reply = ();
    async fn handle(&mut self, _: Crash, _: &mut Context<Self, ()>) {
        panic!("as it is told");
    }
}

/// Restarts one child alone.
#[derive(Actor)]
struct OneForOne;

/// Restarts all children together.
struct OneForAll;

impl Actor for OneForAll {
    type Args = Self;
    type Error = Infallible;

    fn supervision_strategy() -> SupervisionStrategy {
        SupervisionStrategy::OneForAll
    }

    async fn on_start(this: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(this)
    }
}

async fn family<S: Actor>(supervisor: &ActorRef<S>, children: u64) -> Vec<ActorRef<Fragile>> {
    let mut family = Vec::new();
    for _ in 0..children {
        let child = Fragile::supervise_with(supervisor, Fragile::default);
        // As many as for ours: this workload only crashes children.
        let child = child.restart_limit(1_000_000, Duration::from_secs(1));
        family.push(child.spawn().await);
    }
    family
}

impl Supervises for Kameo {
    type Child = ActorRef<Fragile>;

    async fn family(&self, children: u64, one_for_all: bool) -> Vec<ActorRef<Fragile>> {
        if one_for_all {
            let supervisor = OneForAll::spawn(OneForAll);
            let children = family(&supervisor, children).await;
            // An actor ends when its last reference is dropped.
            std::mem::forget(supervisor);
            return children;
        }
        let supervisor = OneForOne::spawn(OneForOne);
        let children = family(&supervisor, children).await;
        std::mem::forget(supervisor);
        children
    }

    async fn crash(&self, child: &ActorRef<Fragile>) {
        child.tell(Crash).await.expect("sent");
    }

    async fn try_ask(&self, child: &ActorRef<Fragile>) -> Option<u64> {
        child.ask(Answer).await.ok()
    }
}

impl Names for Kameo {
    async fn register(&self, names: &[String]) {
        for name in names {
            self.counter().await.register(name.clone()).expect("registers");
        }
    }

    fn lookup(&self) -> impl Fn(&str) -> bool + Send + Sync + Clone + 'static {
        |name| ActorRef::<Counter>::lookup(name).expect("a counter").is_some()
    }
}
