//! One sender, many actors.

use std::time::Instant;

use crate::peer::Peer;
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::workloads::{Figure, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) actors: u64,
    pub(crate) rounds: u64,
}

pub(crate) const WORKLOAD: Workload = Workload {
    name: "fan-out",
    about: "a message to each of 1,000 actors by their references, 1,000 times; one thread, a yield \
            after each time",
    figures: &[Figure { name: "deliveries", unit: Unit::Rate, goals: &[] }],
    job: |scale| Job::FanOut(Size { actors: 1000, rounds: scaled(1000, scale, 10) }),
    rounds: 10,
};

pub(crate) fn measure<P: Peer>(size: Size) -> Sample {
    let rate = P::run(Threads::One, async |peer: &P| {
        let counters = counters(peer, size.actors).await;
        tell_all::<P>(&counters, size.rounds / 10).await;
        let began = Instant::now();
        tell_all::<P>(&counters, size.rounds).await;
        let rounds = size.rounds / 10 + size.rounds;
        assert_all_counted::<P>(&counters, rounds).await;
        super::rate(size.actors * size.rounds, began.elapsed())
    });
    Ok(Measured::one(rate))
}

pub(crate) async fn counters<P: Peer>(peer: &P, count: u64) -> Vec<P::Counter> {
    let mut counters = Vec::new();
    for _ in 0..count {
        counters.push(peer.counter().await);
    }
    counters
}

/// Asks each counter. The ask is queued behind all messages before it, so it also waits for those.
pub(crate) async fn assert_all_counted<P: Peer>(counters: &[P::Counter], each: u64) {
    for counter in counters {
        assert_eq!(P::ask(counter).await, each, "every message was handled");
    }
}

async fn tell_all<P: Peer>(counters: &[P::Counter], rounds: u64) {
    for round in 0..rounds {
        for counter in counters {
            P::tell(counter, round).await;
        }
        // Sender and actors share the thread. Without this no actor would run before the last round.
        tokio::task::yield_now().await;
    }
}
