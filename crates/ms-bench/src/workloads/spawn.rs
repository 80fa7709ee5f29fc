//! Actors started and stopped.

use std::time::Instant;

use crate::peer::{Populates, WAIT_LIMIT, until_alive};
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::workloads::Goal::Times;
use crate::workloads::{Figure, Goal, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) actors: u64,
    pub(crate) supervised: bool,
}

const GOALS: &[Goal] = &[Times("plain actix", 0.8), Times("ractor", 4.0), Times("kameo", 4.0)];
const FULL: u64 = 200_000;

pub(crate) const SUPERVISED: Workload = Workload {
    name: "spawn",
    about: "200,000 actors started one after the other under one supervisor, then stopped by its \
            end, until the last is gone; one thread",
    figures: &[Figure { name: "started and stopped", unit: Unit::Rate, goals: GOALS }],
    job: |scale| Job::Spawn(Size { actors: scaled(FULL, scale, 10), supervised: true }),
    rounds: 5,
};

pub(crate) const PLAIN: Workload = Workload {
    name: "spawn-plain",
    about: "the same without a supervisor",
    figures: &[Figure { name: "started and stopped", unit: Unit::Rate, goals: GOALS }],
    job: |scale| Job::Spawn(Size { actors: scaled(FULL, scale, 10), supervised: false }),
    rounds: 5,
};

pub(crate) fn measure<P: Populates>(size: Size) -> Sample {
    let rate = P::run(Threads::One, async |peer: &P| {
        let began = Instant::now();
        let idle = populate(peer, size.actors, size.supervised).await;
        peer.stop(idle, size.supervised).await;
        tokio::time::timeout(WAIT_LIMIT, until_alive(0)).await.expect("all end");
        super::rate(size.actors, began.elapsed())
    });
    Ok(Measured::one(rate))
}

/// Starts this many actors, and waits until all are alive.
pub(crate) async fn populate<P: Populates>(
    peer: &P,
    actors: u64,
    supervised: bool,
) -> Vec<P::Idle> {
    let mut idle = Vec::new();
    for _ in 0..actors {
        idle.push(peer.start(supervised).await);
    }
    tokio::time::timeout(WAIT_LIMIT, until_alive(actors)).await.expect("all start");
    idle
}
