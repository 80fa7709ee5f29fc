//! Messages with an answer.

use std::time::Instant;

use crate::peer::Peer;
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::workloads::Goal::Times;
use crate::workloads::{Figure, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) asks: u64,
    pub(crate) askers: u64,
    pub(crate) threads: Threads,
}

const FULL: u64 = 400_000;
const FULL_ACROSS: u64 = 100_000;
const ASKERS: u64 = 64;

const fn workload(
    name: &'static str,
    about: &'static str,
    figures: &'static [Figure],
    job: fn(f64) -> Job,
) -> Workload {
    Workload { name, about, figures, job, rounds: 10 }
}

pub(crate) const SEQUENTIAL: Workload = workload(
    "ask",
    "400,000 questions, one after the other, asker and actor on one thread",
    &[Figure { name: "ask, one at a time", unit: Unit::Rate, goals: &[] }],
    |scale| Job::Ask(Size { asks: scaled(FULL, scale, ASKERS), askers: 1, threads: Threads::One }),
);

pub(crate) const CONCURRENT: Workload = workload(
    "ask-64",
    "400,000 questions of 64 askers to one actor, all on one thread",
    &[Figure {
        name: "ask, 64 at a time",
        unit: Unit::Rate,
        goals: &[Times("plain actix", 0.85), Times("ractor", 2.0)],
    }],
    |scale| {
        Job::Ask(Size { asks: scaled(FULL, scale, ASKERS), askers: ASKERS, threads: Threads::One })
    },
);

pub(crate) const SEQUENTIAL_ACROSS: Workload = workload(
    "ask-across",
    "100,000 questions, one after the other, asker and actor on two threads: two wake-ups each",
    &[Figure {
        name: "ask, one at a time, two threads",
        unit: Unit::Rate,
        goals: &[Times("plain actix", 2.0)],
    }],
    |scale| {
        let asks = scaled(FULL_ACROSS, scale, ASKERS);
        Job::Ask(Size { asks, askers: 1, threads: Threads::Two })
    },
);

pub(crate) const CONCURRENT_ACROSS: Workload = workload(
    "ask-64-across",
    "400,000 questions of 64 askers on one thread to one actor on another",
    &[Figure {
        name: "ask, 64 at a time, two threads",
        unit: Unit::Rate,
        goals: &[Times("plain actix", 2.0)],
    }],
    |scale| {
        let asks = scaled(FULL, scale, ASKERS);
        Job::Ask(Size { asks, askers: ASKERS, threads: Threads::Two })
    },
);

pub(crate) fn measure<P: Peer>(size: Size) -> Sample {
    let rate = P::run(size.threads, async |peer: &P| {
        let counter = peer.counter().await;
        P::tell(&counter, 1).await;
        let each = size.asks / size.askers;
        // A warm-up, which is not measured: queues grow and caches fill here.
        ask(peer, &counter, size.askers, each / 10).await;
        let began = Instant::now();
        ask(peer, &counter, size.askers, each).await;
        super::rate(each * size.askers, began.elapsed())
    });
    Ok(Measured::one(rate))
}

async fn ask<P: Peer>(peer: &P, counter: &P::Counter, askers: u64, each: u64) {
    if askers == 1 {
        // In the main future, which `block_on` polls once in a turn of the loop. These turns are
        // half of the time of such an ask (docs/performance-notes.md).
        return asker::<P>(counter.clone(), each).await;
    }
    let tasks = (0..askers).map(|_| peer.spawn(asker::<P>(counter.clone(), each)));
    for asker in tasks.collect::<Vec<_>>() {
        asker.await.expect("an asker ends");
    }
}

async fn asker<P: Peer>(counter: P::Counter, asks: u64) {
    for _ in 0..asks {
        assert_eq!(P::ask(&counter).await, 1, "the answer is the counter's");
    }
}
