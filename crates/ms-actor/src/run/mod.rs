//! The run loops: what serves an actor from its start to its end.

mod bonds;
pub(crate) mod context;
mod delivery;
pub(crate) mod driver;
mod foreign;
mod notify;
mod serve;
pub(crate) mod start;
