//! The health of a service: measured at its components, judged by `logic::health`.
//!
//! From phase 8 of the boot on, the actor `health` asks all components at a steady interval: in
//! parallel, each with a time limit, one round at a time. It also follows the node's events, so
//! that a component that crashes is reported at once. The readiness probe walks the paths that work
//! takes as well (`paths.rs`). [`HealthRef`] answers the three probes (`probes.rs`).

mod actor;
mod answer;
mod handle;
mod messages;
mod paths;
mod probes;
mod round;
mod view;

pub(crate) use actor::{HealthActor, HealthArgs};
pub use handle::{HealthRef, HealthUnavailable};
pub use messages::Readiness;
pub(crate) use messages::{Arm, HealthPorts};
pub use paths::{PathFuture, PathHealth, ReadinessPath};
pub(crate) use round::CheckSpec;
