//! The memory of an actor that does nothing.

use crate::peer::Populates;
use crate::proc::resident;
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::workloads::spawn::populate;
use crate::workloads::{Figure, Goal, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) actors: u64,
}

pub(crate) const WORKLOAD: Workload = Workload {
    name: "idle",
    about: "resident bytes for each of 1,000,000 idle actors, by /proc/self/statm before and after \
            they were started; their supervisor's record is included",
    figures: &[Figure { name: "bytes each", unit: Unit::Bytes, goals: &[Goal::AtMost(1536.0)] }],
    job: |scale| Job::Idle(Size { actors: scaled(1_000_000, scale, 1000) }),
    rounds: 3,
};

#[allow(clippy::cast_precision_loss, reason = "bytes of one machine")]
pub(crate) fn measure<P: Populates>(size: Size) -> Sample {
    let bytes = P::run(Threads::One, async |peer: &P| {
        let before = resident();
        let idle = populate(peer, size.actors, true).await;
        let bytes = resident().saturating_sub(before);
        // The process ends here, so stopping a million actors would only cost time.
        std::mem::forget(idle);
        bytes
    });
    Ok(Measured::one(bytes as f64 / size.actors as f64))
}
