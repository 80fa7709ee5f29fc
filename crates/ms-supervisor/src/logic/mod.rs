//! Pure decisions that the policy does not take: no I/O, clock, log, actor or thread.
//!
//! What the time is and what the kernel says of a child comes in as an argument.

pub(crate) mod deadlines;
pub(crate) mod dry_run;
pub(crate) mod heartbeat;
pub(crate) mod rows;
pub(crate) mod starts;
pub(crate) mod why;
