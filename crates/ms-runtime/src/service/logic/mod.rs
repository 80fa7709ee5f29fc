//! The decisions of a service, as pure state machines.
//!
//! [`graph`] checks and orders what components need of one another, [`plan`] sorts components into the phases of a boot, [`boot`] is the machine that runs a
//! plan forward or undoes it, [`shutdown`] the one that takes a node down within a single
//! deadline, [`health`] folds the outcomes of checks, [`interactions`] counts what the parts
//! see of each other, [`errors`] says when critical errors are too many, and
//! [`emergency`] why a node gives up at once. None of them
//! starts, stops or times anything: whoever drives a machine feeds it events and carries out
//! its effects.
//!
//! Architecture invariants: nothing in here names actix, tokio, a clock, a source of randomness
//! or a log; `cargo xtask check` looks for them.
//!
//! Start reading at [`plan`], then [`boot`].

pub mod boot;
pub mod emergency;
pub mod errors;
pub mod graph;
pub mod health;
pub mod interactions;
pub mod plan;
pub mod shutdown;
