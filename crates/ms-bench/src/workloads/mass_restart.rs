//! One crash that restarts ten thousand siblings.

use std::time::Instant;

use crate::peer::{Supervises, WAIT_LIMIT};
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::workloads::Goal::Times;
use crate::workloads::restart::first_answer;
use crate::workloads::{Figure, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) children: u64,
}

pub(crate) const WORKLOAD: Workload = Workload {
    name: "mass-restart",
    about: "one_for_all with 10,000 children: from the crash of one until the next incarnation of \
            every one has answered; one thread",
    figures: &[Figure {
        name: "time",
        unit: Unit::Time,
        goals: &[Times("ractor", 1.0), Times("kameo", 1.0), Times("erlang", 1.0)],
    }],
    job: |scale| Job::MassRestart(Size { children: scaled(10_000, scale, 10) }),
    rounds: 5,
};

pub(crate) fn measure<P: Supervises>(size: Size) -> Sample {
    let took = P::run(Threads::One, async |peer: &P| {
        let family = peer.family(size.children, true).await;
        for child in &family {
            // After this answer, a child that has answered nothing is in another incarnation.
            assert_eq!(peer.try_ask(child).await, Some(0), "a first incarnation");
        }
        let began = Instant::now();
        peer.crash(&family[family.len() / 2]).await;
        for child in &family {
            let reborn = tokio::time::timeout(WAIT_LIMIT, first_answer(peer, child));
            reborn.await.expect("it comes back");
        }
        began.elapsed()
    });
    Ok(Measured::one(took.as_secs_f64()))
}
