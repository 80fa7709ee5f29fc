//! How the components of a service get along: health scores, error rates, latencies between
//! components, incidents and the time to recovery.
//!
//! The actor `integration` owns an [`InteractionStats`](crate::service::logic::interactions::InteractionStats)
//! and is fed two ways. The actor `health` sends what its rounds and the node's events said. Whoever
//! calls a component reports that through a [`CallReporter`]: an entry in a bounded line that
//! the actor empties ten times a second, so that a report neither waits, nor wakes anybody,
//! nor takes a lock; what finds no room is counted and lost. [`InteractionsRef`] asks for the
//! [`InteractionMetrics`](ms_core::interactions::InteractionMetrics), an [`InteractionObserver`]
//! is told of each call and incident.
//!
//! A new life of the actor begins with an empty book: what it tells is of operators' interest and
//! decides nothing.

mod actor;
mod calls;
mod handle;

pub(crate) use actor::{
    Fact, GetInteractionMetrics, HealthNews, InteractionsActor, InteractionsArgs, MAILBOX,
};
pub use calls::{Call, CallReporter, Calls};
pub use handle::{InteractionObserver, InteractionsRef, InteractionsUnavailable};
