//! The contenders. A new one needs a file here and a line in the table.

use crate::sample::Sample;
use crate::workloads::Job;

mod actix;
#[cfg(feature = "peers")]
mod atomr;
mod dashmap;
mod erlang;
#[cfg(feature = "peers")]
mod kameo;
mod mpsc;
mod ours;
#[cfg(feature = "peers")]
mod ractor;
mod tokio_rt;

/// A library that is measured.
pub(crate) struct Contender {
    /// Its name in tables and on the command line.
    pub(crate) name: &'static str,
    /// Takes one sample, in a process of its own.
    pub(crate) run: fn(Job) -> Sample,
}

/// The name of our own row.
pub(crate) const OURS: &str = "ours";

/// All contenders, in the order of the tables.
pub(crate) const CONTENDERS: &[Contender] = &[
    Contender { name: OURS, run: ours::run },
    Contender { name: "plain actix", run: actix::run },
    #[cfg(feature = "peers")]
    Contender { name: "ractor", run: ractor::run },
    #[cfg(not(feature = "peers"))]
    Contender { name: "ractor", run: not_built },
    #[cfg(feature = "peers")]
    Contender { name: "kameo", run: kameo::run },
    #[cfg(not(feature = "peers"))]
    Contender { name: "kameo", run: not_built },
    #[cfg(feature = "peers")]
    Contender { name: "atomr", run: atomr::run },
    #[cfg(not(feature = "peers"))]
    Contender { name: "atomr", run: not_built },
    Contender { name: "tokio mpsc", run: mpsc::run },
    Contender { name: "erlang", run: erlang::run },
    Contender { name: "erlang ets", run: erlang::run_ets },
    Contender { name: "dashmap", run: dashmap::run },
];

pub(crate) fn named(name: &str) -> Option<&'static Contender> {
    CONTENDERS.iter().find(|contender| contender.name == name)
}

// A row with a reason and not no row: a missing one would look like a contender that nobody thought of.
#[cfg(not(feature = "peers"))]
fn not_built(_: Job) -> Sample {
    Err(crate::sample::NoFigure::lacks("built without the feature `peers`"))
}
