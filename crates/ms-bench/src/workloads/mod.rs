//! The workloads: what is measured, in which size, and our goals.
//!
//! A workload is a file here: its size, its [`Workload`] for the table below, and the loop
//! that measures it on any [`Peer`](crate::peer::Peer) that can.

use std::time::Duration;

pub(crate) mod ask;
pub(crate) mod fan_out;
pub(crate) mod heartbeats;
pub(crate) mod idle;
pub(crate) mod mass_restart;
pub(crate) mod names;
pub(crate) mod publish;
pub(crate) mod restart;
pub(crate) mod ring;
pub(crate) mod skynet;
pub(crate) mod spawn;
pub(crate) mod tell;
pub(crate) mod tree;

/// One workload in one size: what a contender runs in one sample.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Job {
    Tell(tell::Size),
    Ask(ask::Size),
    Ring(ring::Size),
    Skynet(skynet::Size),
    Spawn(spawn::Size),
    Idle(idle::Size),
    FanOut(fan_out::Size),
    Restart(restart::Size),
    MassRestart(mass_restart::Size),
    Names(names::Size),
    Publish(publish::Size),
    Heartbeats(heartbeats::Size),
    Tree(tree::Size),
}

/// A workload.
pub(crate) struct Workload {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it does, for the head of its table.
    pub(crate) about: &'static str,
    pub(crate) figures: &'static [Figure],
    /// Returns the job at a scale. The goals are set for 1.0.
    pub(crate) job: fn(f64) -> Job,
    /// Most rounds: more are not worth their time.
    pub(crate) rounds: usize,
}

/// One value of a sample.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) goals: &'static [Goal],
}

/// The unit of a value, which also says whether more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number per second.
    Rate,
    /// Seconds.
    Time,
    /// Bytes.
    Bytes,
    /// CPU seconds per second.
    Cpu,
}

/// A goal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// At least this many times as good as this contender.
    Times(&'static str, f64),
    /// At most this, in the unit of the figure.
    AtMost(f64),
}

/// Every workload, in the order of the issue that asks for them.
pub(crate) const WORKLOADS: &[Workload] = &[
    tell::ONE_TO_ONE,
    tell::EIGHT_TO_ONE,
    tell::EIGHT_TO_ONE_ACROSS,
    ask::SEQUENTIAL,
    ask::CONCURRENT,
    ask::SEQUENTIAL_ACROSS,
    ask::CONCURRENT_ACROSS,
    ring::WORKLOAD,
    skynet::WORKLOAD,
    spawn::SUPERVISED,
    spawn::PLAIN,
    idle::WORKLOAD,
    fan_out::WORKLOAD,
    restart::WORKLOAD,
    mass_restart::WORKLOAD,
    names::ONE_READER,
    names::TWO_READERS,
    publish::WORKLOAD,
    heartbeats::WORKLOAD,
    tree::WORKLOAD,
];

/// Returns the rate per second of a count in a time.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

pub(crate) fn named(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::CONTENDERS;

    #[test]
    fn goals_are_set_against_contenders_that_exist() {
        for figure in WORKLOADS.iter().flat_map(|workload| workload.figures) {
            for goal in figure.goals {
                let Goal::Times(than, factor) = goal else { continue };
                assert!(CONTENDERS.iter().any(|contender| contender.name == *than), "{than}");
                assert!(*factor > 0.0);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WORKLOADS.len());
    }
}
