//! What all actors of a process share: arbiters and their watchdog, clock, events, dead letters.

pub(crate) mod arbiter;
pub(crate) mod dead_letters;
pub(crate) mod handle;
mod pulse;
pub(crate) mod resources;
pub(crate) mod spin;
pub(crate) mod task_log;
pub(crate) mod watchdog;
