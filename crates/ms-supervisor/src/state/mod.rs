//! What a supervisor actor holds.

pub(crate) mod children;
pub(crate) mod kept_cells;
pub(crate) mod timers;
pub(crate) mod why;
