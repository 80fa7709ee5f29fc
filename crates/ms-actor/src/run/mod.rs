//! The run loops: what serves an actor from its start to its end.

pub(crate) mod context;
pub(crate) mod driver;
pub(crate) mod envelope;
mod foreign;
mod serve;
