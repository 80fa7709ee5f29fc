//! Heartbeats: finding children that hang without ending.
//!
//! The watchdog asks the loop of an arbiter that does not sleep for a sign of life, for all who
//! live on it, and every actor publishes what it handles and since when as part of handling it; so
//! a beat of one actor costs nothing, with a million of them too. At each beat a supervisor
//! reads this of the children that opted in, by themselves or by their supervisor for all below
//! it. A child that has been at one message for longer than the beats it may miss, and whose
//! handler said nothing meanwhile, is hung: it is killed, or abandoned where its thread is
//! blocked, and restarted on another arbiter. Time in which the whole process stood still
//! (SIGSTOP, a suspended machine) is nobody's silence.

use std::time::Duration;

/// How a child shows that it is not hung. Off unless the child or a supervisor above asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Time between two beats: 1 ms to [`Heartbeat::MAX_EVERY`].
    pub every: Duration,
    /// Beats missed in a row that make it hung.
    pub missed: u32,
}

impl Default for Heartbeat {
    /// Returns five seconds and three misses.
    fn default() -> Self {
        Self { every: Duration::from_secs(5), missed: 3 }
    }
}

impl Heartbeat {
    /// Longest time between two beats.
    pub const MAX_EVERY: Duration = Duration::from_secs(24 * 3_600);

    /// Returns the longest a child may be at one message.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.every.saturating_mul(self.missed.max(1))
    }

    /// Returns whether it can tell a hung child from one at work.
    pub(crate) fn is_sane(&self) -> bool {
        (Duration::from_millis(1)..=Self::MAX_EVERY).contains(&self.every)
    }
}

/// Whether a child has a heartbeat, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum HeartbeatSetting {
    /// That of its supervisor's [`SupervisorSpec::heartbeats`](crate::SupervisorSpec::heartbeats), if any.
    #[default]
    Inherited,
    /// None, whatever its supervisor says.
    Never,
    /// Its own.
    Own(Heartbeat),
}

impl HeartbeatSetting {
    /// Returns its own, if it has one.
    pub(crate) fn own(self) -> Option<Heartbeat> {
        match self {
            Self::Own(heartbeat) => Some(heartbeat),
            Self::Inherited | Self::Never => None,
        }
    }

    /// Returns what it comes to under a supervisor with this default.
    pub(crate) fn or(self, inherited: Option<Heartbeat>) -> Option<Heartbeat> {
        match self {
            Self::Inherited => inherited,
            Self::Never => None,
            Self::Own(heartbeat) => Some(heartbeat),
        }
    }
}
