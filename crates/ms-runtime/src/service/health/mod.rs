//! The health of a service: asked of its components, judged by `logic::health`.
//!
//! The actor `health` asks every component how it is, in parallel and each with a time
//! limit, at a steady interval from phase 8 of the boot on; one round at a time. What the
//! tree does is told to it besides, by the node's events: a component that crashed is
//! named at once. Readiness also walks the paths that work takes (`paths.rs`).
//! [`HealthRef`] answers the three questions of a probe (`probes.rs`).

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
