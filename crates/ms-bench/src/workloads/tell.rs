//! Messages without an answer, to one actor.

use std::time::Instant;

use crate::peer::Peer;
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::workloads::Goal::Times;
use crate::workloads::{Figure, Goal, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) messages: u64,
    pub(crate) senders: u64,
    pub(crate) threads: Threads,
}

/// A sender yields after this many messages, as some libraries never make it wait. The number is below
/// the bound of our default mailbox.
pub(crate) const BURST: u64 = 512;

const FULL: u64 = 2_000_000;

const GOALS: &[Goal] =
    &[Times("plain actix", 0.9), Times("ractor", 4.5), Times("kameo", 4.5), Times("erlang", 3.5)];

const fn workload(
    name: &'static str,
    about: &'static str,
    figures: &'static [Figure],
    job: fn(f64) -> Job,
) -> Workload {
    Workload { name, about, figures, job, rounds: 10 }
}

pub(crate) const ONE_TO_ONE: Workload = workload(
    "tell",
    "2,000,000 messages from one sender to one actor, one thread; a sender yields every 512",
    &[Figure { name: "tell 1 to 1", unit: Unit::Rate, goals: GOALS }],
    |scale| {
        let messages = scaled(FULL, scale, BURST);
        Job::Tell(Size { messages, senders: 1, threads: Threads::One })
    },
);

pub(crate) const EIGHT_TO_ONE: Workload = workload(
    "tell-8",
    "2,000,000 messages from eight senders to one actor, one thread; a sender yields every 512",
    &[Figure { name: "tell 8 to 1", unit: Unit::Rate, goals: GOALS }],
    |scale| {
        let messages = scaled(FULL, scale, 8 * BURST);
        Job::Tell(Size { messages, senders: 8, threads: Threads::One })
    },
);

pub(crate) const EIGHT_TO_ONE_ACROSS: Workload = workload(
    "tell-8-across",
    "2,000,000 messages from eight senders on one thread to one actor on another",
    &[Figure { name: "tell 8 to 1, two threads", unit: Unit::Rate, goals: &[] }],
    |scale| {
        let messages = scaled(FULL, scale, 8 * BURST);
        Job::Tell(Size { messages, senders: 8, threads: Threads::Two })
    },
);

pub(crate) fn measure<P: Peer>(size: Size) -> Sample {
    let rate = P::run(size.threads, async |peer: &P| {
        let counter = peer.counter().await;
        let warm = each(size) / 10;
        send(peer, &counter, size.senders, warm).await;
        // The ask is queued behind the messages: once it is answered, none is left for the measured
        // part.
        let before = P::ask(&counter).await;
        assert_eq!(before, warm * size.senders, "every warming message was handled");
        let began = Instant::now();
        send(peer, &counter, size.senders, each(size)).await;
        let handled = P::ask(&counter).await - before;
        let took = began.elapsed();
        assert_eq!(handled, each(size) * size.senders, "every message was handled");
        super::rate(handled, took)
    });
    Ok(Measured::one(rate))
}

fn each(size: Size) -> u64 {
    size.messages / size.senders
}

async fn send<P: Peer>(peer: &P, counter: &P::Counter, senders: u64, each: u64) {
    if senders == 1 {
        return burst::<P>(counter.clone(), each).await;
    }
    let tasks = (0..senders).map(|_| peer.spawn(burst::<P>(counter.clone(), each)));
    for sender in tasks.collect::<Vec<_>>() {
        sender.await.expect("a sender ends");
    }
}

async fn burst<P: Peer>(counter: P::Counter, messages: u64) {
    for n in 1..=messages {
        P::tell(&counter, n).await;
        if n % BURST == 0 {
            tokio::task::yield_now().await;
        }
    }
}
