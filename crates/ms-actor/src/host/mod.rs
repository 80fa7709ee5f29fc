//! What a supervisor uses to keep an actor: blueprints, news of children, placement.
//!
//! A [`Blueprint`] knows how to make an actor again and again; [`Blueprint::cell`]
//! makes the lasting cell at a path, and [`crate::AnyRef::launch`] starts one
//! incarnation in it. What becomes of it arrives as [`ChildEvent`]s.

pub(crate) mod blueprint;

pub use blueprint::{
    Blueprint, ChildEvent, ChildNews, ChildSink, EndFacts, Parent, Placement, StartError, spawn,
};
