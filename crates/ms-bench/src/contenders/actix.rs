//! Plain actix, which others are compared with. One `System`; messages by `do_send`, as in its examples.

#![allow(clippy::disallowed_methods, reason = "the yardstick is plain actix, do_send included")]

use actix::{Actor, Addr, Arbiter, AsyncContext, Context, Handler, Message, Recipient, System};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::peer::{Alive, DONE, Peer, Populates, Publishes, Ring, Skynet, answer};
use crate::sample::{NoFigure, Sample, Threads};
use crate::workloads::{Job, ask, fan_out, idle, publish, ring, skynet, spawn, tell};

pub(crate) fn run(job: Job) -> Sample {
    const UNSUPERVISED: &str = "without supervision: it restarts no actor that panicked";
    match job {
        Job::Tell(size) => tell::measure::<Plain>(size),
        Job::Ask(size) => ask::measure::<Plain>(size),
        Job::Ring(size) => ring::measure::<Plain>(size),
        Job::Skynet(size) => skynet::measure::<Plain>(size),
        Job::Spawn(size) if size.supervised => {
            spawn::measure::<Plain>(size).map(|sample| sample.note(UNSUPERVISED))
        }
        Job::Spawn(size) => spawn::measure::<Plain>(size),
        Job::Idle(size) => idle::measure::<Plain>(size).map(|sample| sample.note(UNSUPERVISED)),
        Job::FanOut(size) => fan_out::measure::<Plain>(size),
        Job::Publish(size) => publish::measure::<Plain>(size)
            .map(|sample| sample.note("has no router: a hand-kept list of recipients")),
        Job::Restart(_) | Job::MassRestart(_) => {
            Err(NoFigure::lacks("does not restart an actor that panicked"))
        }
        Job::Names(_) => Err(NoFigure::lacks("has no names (its registry is by type)")),
        Job::Heartbeats(_) => Err(NoFigure::lacks("has no heartbeats")),
        Job::Tree(_) => Err(NoFigure::lacks("has no view of its tree for other processes")),
    }
}

struct Plain {
    arbiter: Option<Arbiter>,
}

#[derive(Default)]
pub(super) struct Counter {
    count: u64,
    next: Option<Addr<Self>>,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(super) struct Add(pub(super) u64);

#[derive(Message)]
#[rtype(result = "u64")]
pub(super) struct Get;

#[derive(Message)]
#[rtype(result = "()")]
struct Link(Addr<Counter>);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Hop(pub(super) u64);

impl Handler<Add> for Counter {
    type Result = ();
    fn handle(&mut self, Add(n): Add, _: &mut Self::Context) {
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
            Some(next) if left > 0 => next.do_send(Hop(left - 1)),
            _ => DONE.notify_one(),
        }
    }
}

impl Peer for Plain {
    type Counter = Addr<Counter>;

    fn run<T>(threads: Threads, work: impl AsyncFnOnce(&Self) -> T) -> T {
        System::new().block_on(async {
            let plain = Self { arbiter: (threads == Threads::Two).then(Arbiter::new) };
            let result = work(&plain).await;
            plain.arbiter.iter().for_each(|arbiter| assert!(arbiter.stop(), "it runs"));
            result
        })
    }

    async fn counter(&self) -> Addr<Counter> {
        match &self.arbiter {
            Some(arbiter) => Counter::start_in_arbiter(&arbiter.handle(), |_| Counter::default()),
            None => Counter::default().start(),
        }
    }

    async fn tell(counter: &Addr<Counter>, n: u64) {
        counter.do_send(Add(n));
    }

    async fn ask(counter: &Addr<Counter>) -> u64 {
        counter.send(Get).await.expect("answers")
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        actix_rt::spawn(task)
    }
}

impl Ring for Plain {
    async fn link(counter: &Addr<Counter>, next: Addr<Counter>) {
        counter.do_send(Link(next));
    }

    async fn hop(counter: &Addr<Counter>, hops: u64) {
        counter.do_send(Hop(hops));
    }
}

struct Idle {
    _alive: Alive,
}

impl Actor for Idle {
    type Context = Context<Self>;
}

impl Populates for Plain {
    type Idle = Addr<Idle>;

    async fn start(&self, _supervised: bool) -> Addr<Idle> {
        Idle { _alive: Alive::new() }.start()
    }

    /// Drops the addresses: an actor ends when nobody has its address.
    async fn stop(&self, idle: Vec<Addr<Idle>>, _supervised: bool) {
        drop(idle);
    }
}

enum Above {
    Root(Option<oneshot::Sender<u64>>),
    Node(Addr<Branch>),
}

/// A node of the skynet tree.
struct Branch {
    above: Above,
    number: u64,
    size: u64,
    missing: u8,
    sum: u64,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Sum(u64);

impl Branch {
    fn new(above: Above, number: u64, size: u64) -> Self {
        Self { above, number, size, missing: 10, sum: 0 }
    }

    fn answer(&mut self, sum: u64) {
        match &mut self.above {
            Above::Root(root) => root.take().into_iter().for_each(|root| answer(root, sum)),
            Above::Node(above) => above.do_send(Sum(sum)),
        }
    }
}

impl Actor for Branch {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.size == 1 {
            return self.answer(self.number);
        }
        let below = self.size / 10;
        for at in 0..10 {
            Self::new(Above::Node(ctx.address()), self.number + at * below, below).start();
        }
    }
}

impl Handler<Sum> for Branch {
    type Result = ();
    fn handle(&mut self, Sum(sum): Sum, _: &mut Self::Context) {
        self.sum += sum;
        self.missing -= 1;
        if self.missing == 0 {
            // It is not stopped: it ends with its last address, which its children had.
            self.answer(self.sum);
        }
    }
}

impl Skynet for Plain {
    async fn skynet(&self, leaves: u64) -> u64 {
        let (answer, root) = oneshot::channel();
        Branch::new(Above::Root(Some(answer)), 0, leaves).start();
        root.await.expect("the root answers")
    }
}

impl Publishes for Plain {
    type Topic = Vec<Recipient<Add>>;

    async fn subscribe(&self, counters: &[Addr<Counter>]) -> Vec<Recipient<Add>> {
        counters.iter().map(|counter| counter.clone().recipient()).collect()
    }

    async fn publish(&self, topic: &Vec<Recipient<Add>>, n: u64) {
        let message = Add(n);
        topic.iter().for_each(|recipient| recipient.do_send(message.clone()));
    }
}
