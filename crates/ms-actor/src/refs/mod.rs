//! What callers hold, and what they do with it: tell, ask, look, steer.

mod answer;
pub(crate) mod any;
pub(crate) mod ask;
mod deadlines;
pub(crate) mod handle;
pub(crate) mod messages;
pub(crate) mod monitor;
pub(crate) mod port;
mod room;
pub(crate) mod slot;
pub(crate) mod tell;
mod waits;
