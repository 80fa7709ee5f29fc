//! Components: what they are called, what they need of one another, and when they start.
//!
//! A component is a part of a node that is started once at boot and stopped once at
//! shutdown, kept alive by a supervisor in between. The configuration checks hints about
//! the order ([`graph`]) that the runtime boots by, so both look here. The boot and the
//! shutdown themselves are decided in `ms-runtime` (`logic`).

mod component;
pub mod graph;
mod phase;

use std::time::Duration;

pub use component::{ComponentId, MAX_COMPONENTS};
pub use graph::{DependencyGraph, GraphError, OrderHint};
pub use phase::Phase;

/// Shortest time the seven steps can be split into.
pub const MIN_DEADLINE: Duration = Duration::from_secs(1);
/// What is kept of the time a process is granted for what comes after the seven steps: the tree,
/// the control endpoint and the threads.
pub const RESERVE: Duration = Duration::from_secs(5);
