//! The cost of heartbeats for a million actors that opted into them.

use crate::sample::scaled;
use crate::workloads::{Figure, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) actors: u64,
    /// The duration of the measurement, in seconds.
    pub(crate) seconds: u64,
}

pub(crate) const WORKLOAD: Workload = Workload {
    name: "heartbeats",
    about: "CPU time a second of a process with 1,000,000 idle supervised actors, over 15 s: without \
            heartbeats, and with one every 5 s that each actor opted into",
    figures: &[
        Figure { name: "without", unit: Unit::Cpu, goals: &[] },
        Figure { name: "with", unit: Unit::Cpu, goals: &[] },
    ],
    job: |scale| {
        Job::Heartbeats(Size {
            actors: scaled(1_000_000, scale, 1000),
            seconds: scaled(15, scale, 1),
        })
    },
    rounds: 1,
};
