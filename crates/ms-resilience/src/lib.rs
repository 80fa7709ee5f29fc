//! Calls to what may fail: circuit breakers and fallbacks.
//!
//! A [`CircuitBreaker`] is an actor in the tree, one an integration point, seen and
//! steered like every other; [`CircuitBreaker::call`] gives a call both a breaker and a
//! deadline. A [`Fallback`] is an actor that answers when a call could not: out of a
//! cache (marked stale), with a default, from an alternative service (with a limit of
//! hops), or by switching features off. Both are tower layers as well
//! ([`BreakerLayer`], [`FallbackLayer`]).
//!
//! The decisions are pure: the breaker's in `crate::machine`, the fallback's in
//! `plan.rs`. This crate does *not* retry and balances nothing.
//!
//! Start reading at `breaker.rs`, then `plan.rs`, then `fallback.rs`.

mod breaker;
mod fallback;
mod handle;
mod layer;
mod machine;
mod plan;
mod slot;

pub use breaker::{BreakerActor, BreakerStatus, CallError, CircuitBreaker, GetBreaker};
pub use fallback::{
    Alternative, DegradedChanged, FallbackActor, FallbackError, GetDegraded, Payload,
    TooManyWatchers, WatchDegraded,
};
pub use handle::Fallback;
pub use layer::{BreakerLayer, BreakerService, FallbackLayer, FallbackService};
pub use machine::{BreakerSpec, BreakerState, CircuitOpen};
pub use plan::{Answer, FallbackStrategy, Hops, MAX_CACHED, Source};
