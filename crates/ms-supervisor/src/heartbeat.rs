//! Heartbeats: finding children that hang without ending.
//!
//! An arbiter's loop beats every 50 ms for all who live on it, and every actor
//! publishes what it handles and since when as part of handling it; so a beat of
//! one actor costs nothing, with a million of them too. At each beat a supervisor
//! reads this of the children that opted in. A child that has been at one
//! message for longer than the beats it may miss, and whose handler said nothing
//! meanwhile, is hung: it is killed, or abandoned where its thread is blocked,
//! and restarted on another arbiter.

use std::time::Duration;

/// How a child shows that it is not hung. Off unless asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Time between two beats.
    pub every: Duration,
    /// Beats missed in a row that make it hung.
    pub missed: u32,
}

impl Default for Heartbeat {
    /// Five seconds, three misses.
    fn default() -> Self {
        Self { every: Duration::from_secs(5), missed: 3 }
    }
}

impl Heartbeat {
    /// The longest a child may be at one message.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.every * self.missed.max(1)
    }
}
