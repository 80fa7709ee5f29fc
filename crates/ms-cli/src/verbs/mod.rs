//! One file for each verb: its arguments, its help, and its run.

pub(crate) mod budget;
pub(crate) mod call;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod info;
pub(crate) mod inject;
pub(crate) mod inspect;
pub(crate) mod lookup;
pub(crate) mod metrics;
pub(crate) mod ps;
pub(crate) mod state;
pub(crate) mod stats;
pub(crate) mod steer;
pub(crate) mod tasks;
pub(crate) mod trace;
pub(crate) mod tree;
pub(crate) mod why;
