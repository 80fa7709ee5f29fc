//! What a supervisor uses to keep an actor: blueprints, cells of children, events of them.
//!
//! A [`Blueprint`] knows how to make an actor again and again; [`Blueprint::cell`]
//! makes the lasting cell at a path, and [`ChildCell::launch`] starts one
//! incarnation in it. What becomes of it arrives as [`ChildEvent`]s, its end as a
//! [`ChildExit`](ms_core::ChildExit) in one of them.

mod blueprint;
mod child_cell;
#[cfg(doctest)]
mod levers;
mod spawn;

pub use blueprint::Blueprint;
pub use child_cell::ChildCell;
pub use spawn::spawn;

pub use crate::cell::parent::{ChildEvent, ChildSink, Parent};
pub use crate::error::StartError;
pub use crate::node::placement::Placement;
