//! Calls to services that may fail: circuit breakers and fallbacks.
//!
//! A [`CircuitBreaker`] is an actor in the tree, one for each service that is called, and is
//! inspected and steered like every other actor. [`CircuitBreaker::call`] gives a call both a
//! breaker and a deadline. A [`Fallback`] is an actor that answers when a call could not: from a
//! cache (marked stale), with a default, from an alternative service (with a limit of hops), or by
//! switching features off. Both are also tower layers ([`BreakerLayer`], [`FallbackLayer`]).
//!
//! The decisions are pure: those of the breaker in `logic/breaker.rs`, those of the fallback in
//! `logic/plan.rs`. This crate does *not* retry, and balances nothing.
//!
//! Start reading at `breaker/handle.rs`, then `logic/`, then `fallback/actor.rs`.

mod answer;
mod breaker;
mod error;
mod fallback;
mod layer;
mod logic;
#[cfg(feature = "config")]
pub mod section;

pub use answer::{Answer, Hops, Payload, Source};
pub use breaker::{BreakerActor, BreakerStatus, CircuitBreaker, GetBreaker};
pub use error::{CallError, CircuitOpen, FallbackError, TooManyWatchers, Unavailable};
pub use fallback::{
    Alternative, DegradedChanged, Fallback, FallbackActor, GetDegraded, WatchDegraded,
};
pub use layer::{BreakerLayer, BreakerService, FallbackLayer, FallbackService};
pub use logic::breaker::{BreakerSpec, BreakerState};
pub use logic::plan::{FallbackStrategy, MAX_CACHED};
