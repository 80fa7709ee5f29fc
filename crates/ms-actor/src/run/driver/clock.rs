//! How long a turn takes.

use std::time::Instant;

use crate::node::handle::Node;
use crate::time::nanos;

/// One turn in this many is timed precisely.
pub(super) const TIME_EVERY: u8 = 16;

/// When a turn began: coarsely, and precisely for one in [`TIME_EVERY`].
#[derive(Default)]
pub(super) struct TurnClock {
    pub(super) coarse: u64,
    pub(super) precise: Option<Instant>,
}

impl TurnClock {
    /// Returns how long the turn has kept its thread, in nanoseconds, as far as it is known.
    pub(super) fn busy(&self, node: &Node) -> u64 {
        match self.precise {
            // It stands for the turns that are not timed.
            Some(began) => nanos(began.elapsed()) * u64::from(TIME_EVERY),
            None => node.coarse().saturating_sub(self.coarse),
        }
    }
}
