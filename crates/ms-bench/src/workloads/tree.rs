//! The whole tree over the control socket.

use crate::sample::scaled;
use crate::workloads::{Figure, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) actors: u64,
}

pub(crate) const WORKLOAD: Workload = Workload {
    name: "tree",
    about: "what `msctl tree` asks of a node with 100,000 actors under one supervisor, over its \
            control socket: until the client has put the tree together",
    figures: &[
        Figure { name: "time", unit: Unit::Time, goals: &[] },
        Figure { name: "bytes of JSON", unit: Unit::Bytes, goals: &[] },
        Figure { name: "longest wait of another actor", unit: Unit::Time, goals: &[] },
    ],
    job: |scale| Job::Tree(Size { actors: scaled(100_000, scale, 100) }),
    rounds: 3,
};
