//! The time from a crash to the next answer.

use std::time::Instant;

use crate::peer::{Supervises, WAIT_LIMIT};
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::stats::percentile;
use crate::workloads::Goal::Times;
use crate::workloads::{Figure, Goal, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) crashes: u64,
}

const GOALS: &[Goal] = &[Times("ractor", 1.0), Times("kameo", 1.0)];

pub(crate) const WORKLOAD: Workload = Workload {
    name: "restart",
    about: "from sending the message whose handler panics to the first answer of the next \
            incarnation, asked for again and again; 2,000 crashes, one thread",
    figures: &[
        Figure { name: "p50", unit: Unit::Time, goals: GOALS },
        Figure { name: "p99", unit: Unit::Time, goals: GOALS },
    ],
    job: |scale| Job::Restart(Size { crashes: scaled(2000, scale, 20) }),
    rounds: 5,
};

pub(crate) fn measure<P: Supervises>(size: Size) -> Sample {
    let times = P::run(Threads::One, async |peer: &P| {
        let family = peer.family(1, false).await;
        let child = &family[0];
        let mut times = Vec::new();
        for crash in 0..size.crashes + size.crashes / 10 {
            assert!(peer.try_ask(child).await.is_some(), "it is up before it is crashed");
            let began = Instant::now();
            peer.crash(child).await;
            let reborn = tokio::time::timeout(WAIT_LIMIT, first_answer(peer, child));
            reborn.await.expect("it comes back");
            // The first tenth is a warm-up.
            if crash >= size.crashes / 10 {
                times.push(began.elapsed().as_secs_f64());
            }
        }
        times
    });
    Ok(Measured { values: vec![percentile(&times, 0.5), percentile(&times, 0.99)], note: None })
}

/// Asks until a new incarnation answers: one that has answered nothing before.
pub(crate) async fn first_answer<P: Supervises>(peer: &P, child: &P::Child) {
    while peer.try_ask(child).await != Some(0) {
        tokio::task::yield_now().await;
    }
}
