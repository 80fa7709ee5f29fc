//! The interactions of a service's components: health scores, error rates, latencies between
//! components, incidents and the time to recovery.
//!
//! The actor `integration` owns an
//! [`InteractionStats`](crate::service::logic::interactions::InteractionStats) and has two sources.
//! The actor `health` sends what its rounds and the node's events showed. The caller of a component
//! reports the call through a [`CallReporter`]: an entry in a bounded queue, which the actor
//! empties ten times a second. So a report neither waits nor takes a lock, and a report that finds
//! no room is lost and counted. [`InteractionsRef`] asks for the
//! [`InteractionMetrics`](ms_core::interactions::InteractionMetrics), an [`InteractionObserver`]
//! sees each call and each incident.
//!
//! After a crash the actor begins with empty statistics: operators read them, and nothing is
//! decided by them.

mod actor;
mod calls;
mod handle;
mod messages;

pub(crate) use actor::{InteractionsActor, InteractionsArgs, MAILBOX};
pub use calls::{Call, CallReporter, Calls};
pub use handle::{InteractionObserver, InteractionsRef, InteractionsUnavailable};
pub(crate) use messages::{Fact, GetInteractionMetrics, HealthFacts, InteractionPorts};
