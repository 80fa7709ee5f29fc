//! How the parts of a service get along: scores, errors, latencies, incidents.
//!
//! [`InteractionStats`] is fed what was seen of components and of calls between them, and makes
//! [`InteractionMetrics`](ms_core::interactions::InteractionMetrics) of it. It runs no check and reads no clock: each fact comes with its
//! [`Tick`](ms_core::Tick).
//!
//! - **Health score**, 0 to 1: the mean of a component's last [`SCORE_LOOKS`] looks, where a look
//!   is worth 1 for healthy, 0.5 for degraded, and 0 for unhealthy and unknown (a check that
//!   did not answer). A look is one round of checks, or news that changed the component's status.
//! - **Error rate**, 0 to 1: failed operations of all within [`ERROR_WINDOW`], which slides in
//!   steps of five seconds. Operations are calls to the component, health checks among
//!   them, and ends of its actors by a fault, each of which failed. A call that the caller gave up
//!   says nothing of who was called: it is no operation here.
//! - **Latency** of a pair `(from, to)`: all calls since the book was begun, also those that failed or
//!   were given up, in buckets of [`BUCKETS_US`]; a percentile is the upper end of the bucket it lies in, and never more
//!   than the longest call.
//! - **Incident**: from the moment a component becomes unhealthy until it is healthy again;
//!   degraded in between does not end it. How long that took is its time to recovery.

mod errors;
mod incidents;
mod latency;
mod score;
mod state;

pub use errors::ERROR_WINDOW;
pub use incidents::{IncidentChange, MAX_RECOVERIES};
pub use latency::{BUCKETS_US, CallOutcome};
pub use score::SCORE_LOOKS;
pub use state::{InteractionStats, MAX_COMPONENTS, MAX_PAIRS};
