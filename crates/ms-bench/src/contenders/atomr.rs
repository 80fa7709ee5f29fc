//! atomr 0.10: a message enum for each actor, actors below a system or each other, asks by `ask_with`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::atomr::core::event::EventStream;
use ::atomr::prelude::{Actor, ActorRef, ActorSystem, Config, Context, Props};
use async_trait::async_trait;
use tokio::sync::oneshot;

use super::tokio_rt::{self, Side};
use crate::peer::{
    Alive, DONE, Names, Peer, Populates, Publishes, Ring, Skynet, Supervises, answer,
};
use crate::sample::{NoFigure, Sample, Threads};
use crate::workloads::{Job, ask, fan_out, idle, names, publish};
use crate::workloads::{restart, ring, skynet, spawn, tell};

pub(crate) fn run(job: Job) -> Sample {
    match job {
        Job::Tell(size) => tell::measure::<Atomr>(size),
        Job::Ask(size) => ask::measure::<Atomr>(size),
        Job::Ring(size) => ring::measure::<Atomr>(size),
        Job::Skynet(size) => skynet::measure::<Atomr>(size),
        Job::Spawn(size) => spawn::measure::<Atomr>(size),
        Job::Idle(size) => idle::measure::<Atomr>(size),
        Job::FanOut(size) => fan_out::measure::<Atomr>(size),
        Job::Restart(size) => restart::measure::<Atomr>(size).map(|sample| {
            sample.note("renewed in place by its own loop: no supervisor takes part, none is told")
        }),
        Job::MassRestart(_) => {
            Err(NoFigure::lacks("declares `AllForOne` and does not carry it out"))
        }
        Job::Names(size) => names::measure::<Atomr>(size)
            .map(|sample| sample.note("by the text of its full path; without a type")),
        Job::Publish(size) => publish::measure::<Atomr>(size),
        Job::Heartbeats(_) => Err(NoFigure::lacks("has no heartbeats")),
        Job::Tree(_) => Err(NoFigure::lacks("has no view of its tree for other processes")),
    }
}

/// Longest ask. atomr has no default.
const WITHIN: Duration = Duration::from_secs(5);

struct Atomr {
    side: Side,
    system: ActorSystem,
}

/// The next name, as a number: names must be unique.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn fresh() -> String {
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

enum Order {
    Add(u64),
    Get(oneshot::Sender<u64>),
    Link(ActorRef<Order>),
    Hop(u64),
}

#[derive(Default)]
struct Counter {
    count: u64,
    next: Option<ActorRef<Order>>,
}

#[async_trait]
impl Actor for Counter {
    type Msg = Order;

    async fn handle(&mut self, _: &mut Context<Self>, order: Order) {
        match order {
            Order::Add(n) => {
                std::hint::black_box(n);
                self.count += 1;
            }
            Order::Get(asker) => answer(asker, self.count),
            Order::Link(next) => self.next = Some(next),
            Order::Hop(left) => {
                self.count += 1;
                match &self.next {
                    Some(next) if left > 0 => next.tell(Order::Hop(left - 1)),
                    _ => DONE.notify_one(),
                }
            }
        }
    }
}

impl Atomr {
    async fn counter_named(&self, name: String) -> ActorRef<Order> {
        let system = self.system.clone();
        let start =
            async move { system.actor_of(Props::create(Counter::default), &name).expect("starts") };
        self.side.there(start).await
    }
}

impl Peer for Atomr {
    type Counter = ActorRef<Order>;

    fn run<T>(threads: Threads, work: impl AsyncFnOnce(&Self) -> T) -> T {
        tokio_rt::run(threads, async |side| {
            let system = ActorSystem::create("bench", Config::empty()).await.expect("starts");
            work(&Self { side, system }).await
        })
    }

    async fn counter(&self) -> ActorRef<Order> {
        self.counter_named(fresh()).await
    }

    async fn tell(counter: &ActorRef<Order>, n: u64) {
        counter.tell(Order::Add(n));
    }

    async fn ask(counter: &ActorRef<Order>) -> u64 {
        counter.ask_with(Order::Get, WITHIN).await.expect("answers")
    }
}

impl Ring for Atomr {
    async fn link(counter: &ActorRef<Order>, next: ActorRef<Order>) {
        counter.tell(Order::Link(next));
    }

    async fn hop(counter: &ActorRef<Order>, hops: u64) {
        counter.tell(Order::Hop(hops));
    }
}

struct Idle {
    _alive: Alive,
}

#[async_trait]
impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, _: &mut Context<Self>, (): ()) {}
}

impl Populates for Atomr {
    type Idle = ActorRef<()>;

    /// The system supervises all actors in the same way.
    async fn start(&self, _supervised: bool) -> ActorRef<()> {
        let props = Props::create(|| Idle { _alive: Alive::new() });
        self.system.actor_of(props, &fresh()).expect("starts")
    }

    async fn stop(&self, idle: Vec<ActorRef<()>>, _supervised: bool) {
        self.system.terminate().await;
        drop(idle);
    }
}

/// A node of the skynet tree.
struct Branch {
    above: ActorRef<Sum>,
    number: u64,
    size: u64,
    missing: u8,
    sum: u64,
}

struct Sum(u64);

fn branch(above: &ActorRef<Sum>, number: u64, size: u64) -> Props<Branch> {
    let above = above.clone();
    Props::create(move || Branch { above: above.clone(), number, size, missing: 10, sum: 0 })
}

#[async_trait]
impl Actor for Branch {
    type Msg = Sum;

    async fn pre_start(&mut self, ctx: &mut Context<Self>) {
        if self.size == 1 {
            self.above.tell(Sum(self.number));
            ctx.stop_self();
            return;
        }
        let (me, below) = (ctx.self_ref().clone(), self.size / 10);
        for at in 0..10 {
            let props = branch(&me, self.number + at * below, below);
            ctx.spawn(props, &at.to_string()).expect("starts");
        }
    }

    async fn handle(&mut self, ctx: &mut Context<Self>, Sum(sum): Sum) {
        self.sum += sum;
        self.missing -= 1;
        if self.missing == 0 {
            self.above.tell(Sum(self.sum));
            ctx.stop_self();
        }
    }
}

/// Takes the answer of the root.
struct Top(Option<oneshot::Sender<u64>>);

#[async_trait]
impl Actor for Top {
    type Msg = Sum;

    async fn handle(&mut self, ctx: &mut Context<Self>, Sum(sum): Sum) {
        self.0.take().into_iter().for_each(|root| answer(root, sum));
        ctx.stop_self();
    }
}

impl Skynet for Atomr {
    async fn skynet(&self, leaves: u64) -> u64 {
        let (answer, root) = oneshot::channel();
        // `Props` takes a function that can be called again, and a sender can be given away once.
        let answer = std::sync::Mutex::new(Some(answer));
        let top = Props::create(move || Top(answer.lock().expect("whole").take()));
        let top = self.system.actor_of(top, &fresh()).expect("starts");
        self.system.actor_of(branch(&top, 0, leaves), &fresh()).expect("starts");
        root.await.expect("the root answers")
    }
}

enum Task {
    Answer(oneshot::Sender<u64>),
    Crash,
}

#[derive(Default)]
struct Fragile {
    answered: u64,
}

#[async_trait]
impl Actor for Fragile {
    type Msg = Task;

    async fn handle(&mut self, _: &mut Context<Self>, task: Task) {
        match task {
            Task::Answer(asker) => {
                self.answered += 1;
                answer(asker, self.answered - 1);
            }
            Task::Crash => panic!("as it is told"),
        }
    }
}

impl Supervises for Atomr {
    type Child = ActorRef<Task>;

    async fn family(&self, children: u64, one_for_all: bool) -> Vec<ActorRef<Task>> {
        assert!(!one_for_all, "not carried out by atomr");
        let start = |_| self.system.actor_of(Props::create(Fragile::default), &fresh());
        (0..children).map(start).map(|started| started.expect("starts")).collect()
    }

    async fn crash(&self, child: &ActorRef<Task>) {
        child.tell(Task::Crash);
    }

    async fn try_ask(&self, child: &ActorRef<Task>) -> Option<u64> {
        child.ask_with(Task::Answer, WITHIN).await.ok()
    }
}

impl Names for Atomr {
    async fn register(&self, names: &[String]) {
        for name in names {
            self.counter_named(name.clone()).await;
        }
    }

    fn lookup(&self) -> impl Fn(&str) -> bool + Send + Sync + Clone + 'static {
        let system = self.system.clone();
        let users = format!("{}/user", system.address());
        move |name| system.actor_selection(&format!("{users}/{name}")).is_some()
    }
}

impl Publishes for Atomr {
    type Topic = EventStream;

    async fn subscribe(&self, counters: &[ActorRef<Order>]) -> EventStream {
        let stream = EventStream::new();
        for counter in counters {
            let counter = counter.clone();
            stream.subscribe(move |n: &u64| counter.tell(Order::Add(*n)));
        }
        stream
    }

    async fn publish(&self, topic: &EventStream, n: u64) {
        topic.publish(n);
    }
}
