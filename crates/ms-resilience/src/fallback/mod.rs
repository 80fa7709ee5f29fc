//! The fallback: an actor that answers when a call could not, and the handle that calls go through.

mod actor;
mod handle;
mod messages;

pub use actor::FallbackActor;
pub use handle::Fallback;
pub use messages::{Alternative, DegradedChanged, GetDegraded, WatchDegraded};
