//! What stays of an actor while its incarnations come and go, and how one of them begins and ends.

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
