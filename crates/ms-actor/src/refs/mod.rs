//! What callers hold, and what they do with it: tell, ask, look, steer.

pub(crate) mod any;
pub(crate) mod ask;
mod deadlines;
pub(crate) mod handle;
pub(crate) mod waits;
