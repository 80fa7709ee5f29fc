//! A token that goes round a ring. Each hop wakes a sleeping actor.

use std::time::Instant;

use crate::peer::{DONE, Ring, WAIT_LIMIT};
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::workloads::Goal::Times;
use crate::workloads::{Figure, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) actors: u64,
    pub(crate) hops: u64,
}

pub(crate) const WORKLOAD: Workload = Workload {
    name: "ring",
    about: "one token, 1,000,000 hops round a ring of 1,000 actors, one thread",
    figures: &[Figure { name: "hops", unit: Unit::Rate, goals: &[Times("plain actix", 0.85)] }],
    job: |scale| Job::Ring(Size { actors: 1000, hops: scaled(1_000_000, scale, 2000) }),
    rounds: 10,
};

pub(crate) fn measure<P: Ring>(size: Size) -> Sample {
    let rate = P::run(Threads::One, async |peer: &P| {
        let ring = ring(peer, size.actors).await;
        // A warm-up, which is not measured: each actor runs once.
        go_round::<P>(&ring, size.actors).await;
        let began = Instant::now();
        go_round::<P>(&ring, size.hops).await;
        let took = began.elapsed();
        let mut counted = 0;
        for counter in &ring {
            counted += P::ask(counter).await;
        }
        assert_eq!(counted, size.actors + size.hops, "every hop was counted");
        super::rate(size.hops, took)
    });
    Ok(Measured::one(rate))
}

async fn ring<P: Ring>(peer: &P, actors: u64) -> Vec<P::Counter> {
    let mut ring = Vec::new();
    for _ in 0..actors {
        ring.push(peer.counter().await);
    }
    for (at, counter) in ring.iter().enumerate() {
        P::link(counter, ring[(at + 1) % ring.len()].clone()).await;
    }
    ring
}

async fn go_round<P: Ring>(ring: &[P::Counter], hops: u64) {
    P::hop(&ring[0], hops - 1).await;
    // `notify_one` keeps a permit, so the token may be back before anybody waits for it.
    tokio::time::timeout(WAIT_LIMIT, DONE.notified()).await.expect("the token comes to its end");
}
