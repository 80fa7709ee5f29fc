//! What all actors of a process share: arbiters and their watchdog, clock, events, dead letters.
//!
//! A node knows who lives on its arbiters only as a `Resident`, so that nothing here depends on
//! cells, which hold their node.

pub(crate) mod arbiter;
mod boot;
mod clock;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod event_log;
pub(crate) mod handle;
pub(crate) mod here;
pub(crate) mod placement;
mod pool;
mod pulse;
pub(crate) mod residents;
pub(crate) mod resources;
pub(crate) mod spin;
mod thread;
pub(crate) mod watchdog;
