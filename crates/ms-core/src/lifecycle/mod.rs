//! Components and their life: what needs what, in which order they start and stop.
//!
//! A component is a part of a node that is started once at boot and stopped once at
//! shutdown, kept alive by a supervisor in between. This module owns the decisions:
//! [`graph`] orders components by what they need, [`plan`] sorts them into the phases
//! of a boot, [`boot`] is the machine that runs a plan forward or undoes it, and
//! [`shutdown`] the one that takes a node down within a single deadline. It does not
//! start, stop or time anything: whoever drives a machine feeds it events and carries
//! out its effects.
//!
//! Start reading at [`graph`], then [`plan`], then [`boot`].

pub mod boot;
mod component;
pub mod graph;
pub mod plan;
pub mod shutdown;

pub use component::{ComponentId, MAX_COMPONENTS};
pub use graph::{DependencyGraph, GraphError, OrderHint};
pub use plan::{BootPlan, Phase, PlannedComponent};
