//! A million actors that start each other, answer once and end.

use std::time::Instant;

use crate::peer::Skynet;
use crate::sample::{Measured, Sample, Threads};
use crate::workloads::Goal::Times;
use crate::workloads::{Figure, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// A power of ten.
    pub(crate) leaves: u64,
}

pub(crate) const WORKLOAD: Workload = Workload {
    name: "skynet",
    about: "a tree of 1,111,111 actors, ten below each, sums its 1,000,000 leaves; one thread, \
            unsupervised as the benchmark is everywhere",
    figures: &[Figure {
        name: "time",
        unit: Unit::Time,
        goals: &[Times("plain actix", 0.8), Times("ractor", 4.0), Times("kameo", 4.0)],
    }],
    job: |scale| Job::Skynet(Size { leaves: power_of_ten(1e6 * scale) }),
    rounds: 5,
};

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 1 and 6 whatever the scale"
)]
fn power_of_ten(about: f64) -> u64 {
    10_u64.pow(about.log10().round().clamp(1.0, 6.0) as u32)
}

pub(crate) fn measure<P: Skynet>(size: Size) -> Sample {
    let took = P::run(Threads::One, async |peer: &P| {
        // A warm-up, which is not measured.
        peer.skynet(10).await;
        let began = Instant::now();
        let sum = peer.skynet(size.leaves).await;
        let took = began.elapsed();
        assert_eq!(sum, size.leaves * (size.leaves - 1) / 2, "all leaves were counted");
        took
    });
    Ok(Measured::one(took.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_tree_is_complete_at_every_scale() {
        assert_eq!(super::power_of_ten(1e6), 1_000_000);
        assert_eq!(super::power_of_ten(900.0), 1000);
        assert_eq!(super::power_of_ten(0.5), 10);
    }
}
