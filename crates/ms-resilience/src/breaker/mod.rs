//! The circuit breaker: an actor in the tree, and the handle that calls go through.

mod actor;
mod handle;
mod messages;

pub use actor::BreakerActor;
pub use handle::CircuitBreaker;
pub use messages::{BreakerStatus, GetBreaker};
