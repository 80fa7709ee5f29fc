//! The interactions of components: scores, errors, latencies, incidents.
//!
//! [`InteractionStats`] takes facts about components and the calls between them, and makes
//! [`InteractionMetrics`](ms_core::interactions::InteractionMetrics) of them. It runs no check and
//! reads no clock: each fact comes with its [`Tick`](ms_core::Tick).
//!
//! - **Health score**, 0 to 1: the mean of a component's last [`SCORE_LOOKS`] looks, where a look
//!   is worth 1 for healthy, 0.5 for degraded, and 0 for unhealthy and unknown (a check that did
//!   not answer). A look is one round of checks, or an event that changed the component's status.
//! - **Error rate**, 0 to 1: the share of operations that failed within [`ERROR_WINDOW`], which
//!   slides in steps of five seconds. Operations are calls to the component, health checks among
//!   them, and faults that ended its actors, each of which counts as failed. A call that its caller
//!   gave up says nothing about the component that was called, so it does not count.
//! - **Latency** of a pair `(from, to)`: all calls since the start, also those that failed or were
//!   given up, in the buckets [`BUCKETS_US`]. A percentile is the upper end of the bucket it lies
//!   in, and never more than the longest call.
//! - **Incident**: from the moment a component becomes unhealthy until it is healthy again;
//!   degraded in between does not end it. Its length is the time to recovery.

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
