//! What a supervisor uses to keep an actor: blueprints, cells of children, news of them.
//!
//! A [`Blueprint`] knows how to make an actor again and again; [`Blueprint::cell`]
//! makes the lasting cell at a path, and [`ChildCell::launch`] starts one
//! incarnation in it. What becomes of it arrives as [`ChildEvent`]s.

mod blueprint;
mod child_cell;
#[cfg(doctest)]
mod levers;
mod spawn;

pub use blueprint::Blueprint;
pub use child_cell::ChildCell;
pub use spawn::spawn;

pub use crate::cell::parent::{ChildEvent, ChildNews, ChildSink, EndFacts, Parent};
pub use crate::error::StartError;
pub use crate::node::placement::Placement;
