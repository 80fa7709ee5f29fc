//! A task with a `tokio::sync::mpsc` channel: an upper bound for the speed of an actor on tokio.
//!
//! The channel is unbounded, as that kind is faster. There is no supervision, inspection or accounting.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::tokio_rt::{self, Side};
use crate::peer::{Alive, DONE, Peer, Populates, Ring, Skynet, answer};
use crate::sample::{NoFigure, Sample, Threads};
use crate::workloads::{Job, ask, fan_out, idle, ring, skynet, spawn, tell};

pub(crate) fn run(job: Job) -> Sample {
    const BARE: &str = "bare tasks: no supervision";
    match job {
        Job::Tell(size) => tell::measure::<Tasks>(size),
        Job::Ask(size) => ask::measure::<Tasks>(size),
        Job::Ring(size) => ring::measure::<Tasks>(size),
        Job::Skynet(size) => skynet::measure::<Tasks>(size),
        Job::Spawn(size) if size.supervised => {
            spawn::measure::<Tasks>(size).map(|sample| sample.note(BARE))
        }
        Job::Spawn(size) => spawn::measure::<Tasks>(size),
        Job::Idle(size) => idle::measure::<Tasks>(size).map(|sample| sample.note(BARE)),
        Job::FanOut(size) => fan_out::measure::<Tasks>(size),
        Job::Publish(_)
        | Job::Restart(_)
        | Job::MassRestart(_)
        | Job::Names(_)
        | Job::Tree(_)
        | Job::Heartbeats(_) => Err(NoFigure::Apart),
    }
}

struct Tasks(Side);

enum Order {
    Add(u64),
    Get(oneshot::Sender<u64>),
    Link(UnboundedSender<Order>),
    Hop(u64),
}

async fn count(mut orders: UnboundedReceiver<Order>) {
    let (mut count, mut next) = (0, None::<UnboundedSender<Order>>);
    while let Some(order) = orders.recv().await {
        match order {
            Order::Add(n) => {
                std::hint::black_box(n);
                count += 1;
            }
            Order::Get(asker) => answer(asker, count),
            Order::Link(after) => next = Some(after),
            Order::Hop(left) => {
                count += 1;
                match &next {
                    Some(next) if left > 0 => next.send(Order::Hop(left - 1)).expect("lives"),
                    _ => DONE.notify_one(),
                }
            }
        }
    }
}

impl Peer for Tasks {
    type Counter = UnboundedSender<Order>;

    fn run<T>(threads: Threads, work: impl AsyncFnOnce(&Self) -> T) -> T {
        tokio_rt::run(threads, async |side| work(&Self(side)).await)
    }

    async fn counter(&self) -> UnboundedSender<Order> {
        let start = async {
            let (sender, orders) = unbounded_channel();
            tokio::spawn(count(orders));
            sender
        };
        self.0.there(start).await
    }

    async fn tell(counter: &UnboundedSender<Order>, n: u64) {
        counter.send(Order::Add(n)).expect("lives");
    }

    async fn ask(counter: &UnboundedSender<Order>) -> u64 {
        let (answer, answered) = oneshot::channel();
        counter.send(Order::Get(answer)).expect("lives");
        answered.await.expect("answers")
    }
}

impl Ring for Tasks {
    async fn link(counter: &UnboundedSender<Order>, next: UnboundedSender<Order>) {
        counter.send(Order::Link(next)).expect("lives");
    }

    async fn hop(counter: &UnboundedSender<Order>, hops: u64) {
        counter.send(Order::Hop(hops)).expect("lives");
    }
}

impl Populates for Tasks {
    type Idle = UnboundedSender<()>;

    async fn start(&self, _supervised: bool) -> UnboundedSender<()> {
        let (sender, mut orders) = unbounded_channel();
        let alive = Alive::new();
        tokio::spawn(async move {
            while orders.recv().await.is_some() {}
            // Named here, so that the task takes it along and is counted until it ends.
            drop(alive);
        });
        sender
    }

    async fn stop(&self, idle: Vec<UnboundedSender<()>>, _supervised: bool) {
        // A task ends when its only sender is dropped.
        drop(idle);
    }
}

fn branch(above: UnboundedSender<u64>, number: u64, size: u64) {
    tokio::spawn(async move {
        let sum = if size == 1 {
            number
        } else {
            let (sender, mut sums) = unbounded_channel();
            let below = size / 10;
            (0..10).for_each(|at| branch(sender.clone(), number + at * below, below));
            let mut sum = 0;
            for _ in 0..10 {
                sum += sums.recv().await.expect("ten answers");
            }
            sum
        };
        above.send(sum).expect("waits");
    });
}

impl Skynet for Tasks {
    async fn skynet(&self, leaves: u64) -> u64 {
        let (above, mut root) = unbounded_channel();
        branch(above, 0, leaves);
        root.recv().await.expect("the root answers")
    }
}
