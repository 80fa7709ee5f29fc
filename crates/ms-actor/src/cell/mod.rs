//! What stays of an actor while its incarnations come and go, and how one of them begins and ends.
//!
//! `core.rs`, `life.rs`, `follow.rs`, `edge.rs` and `any.rs` name each other in a circle, the only
//! one of the crate: a cell has a life, a life is tied to other cells, and those are known by what
//! they have in common, which is a cell's core. A trait of every single thing that one cell does
//! to another would cut it, at the price of a second name for each.

pub(crate) mod any;
pub(crate) mod bell;
pub(crate) mod control;
pub(crate) mod core;
pub(crate) mod edge;
pub(crate) mod ending;
pub(crate) mod follow;
pub(crate) mod hosted;
pub(crate) mod life;
pub(crate) mod monitor;
pub(crate) mod parent;
pub(crate) mod starting;
pub(crate) mod state;
mod status;
mod ties;
