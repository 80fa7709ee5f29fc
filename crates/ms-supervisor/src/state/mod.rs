//! What a supervisor actor holds: small machines, each in a file of its own, with private
//! fields. None of them knows the actor, sends a message or arms a timer: the actor does that
//! with what they return.

pub(crate) mod administration;
pub(crate) mod child;
pub(crate) mod children;
pub(crate) mod heartbeats;
pub(crate) mod kept_cells;
pub(crate) mod timers;
pub(crate) mod why;
