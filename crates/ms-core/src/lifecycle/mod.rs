//! Components: what they are called, and when they start.
//!
//! A component is a part of a node that is started once at boot and stopped once at
//! shutdown, kept alive by a supervisor in between. What components need of one another,
//! the boot and the shutdown are decided in `ms-runtime` (`logic`).

mod component;
mod phase;

pub use component::ComponentId;
pub use phase::Phase;
