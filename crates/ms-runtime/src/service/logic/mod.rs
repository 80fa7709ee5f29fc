//! The decisions of a service, as pure state machines.
//!
//! [`graph`] checks and orders the needs of components, [`plan`] sorts them into the phases of a
//! boot. [`boot`] is the machine that runs a plan or rolls it back, [`shutdown`] the machine that
//! stops a service within one deadline. [`health`] combines the results of checks,
//! [`interactions`] keeps the statistics of calls between components, [`errors`] decides when
//! critical errors are too many, and [`emergency`] names the reasons to give up at once. None of
//! them starts, stops or times anything: a driver feeds each machine events and carries out its
//! effects.
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
