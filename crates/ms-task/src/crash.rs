//! Keeping poison tasks from taking a supervisor down.

use std::collections::VecDeque;
use std::time::Duration;

use ms_core::spec::Intensity;
use ms_core::time::Tick;

/// Counts the crashes of a pool of agents as their supervisor does, and says how many more
/// tasks may be in their hands so that the supervisor cannot go over its intensity: each
/// task in hand may crash one agent.
#[derive(Debug, Clone)]
pub struct CrashGuard {
    intensity: Intensity,
    crashes: VecDeque<Tick>,
}

/// The supervisor counts in whole seconds and inclusively; this much more is on the safe side.
const SLACK: Duration = Duration::from_secs(2);

impl CrashGuard {
    /// A guard for agents under a supervisor with this intensity.
    #[must_use]
    pub const fn new(intensity: Intensity) -> Self {
        Self { intensity, crashes: VecDeque::new() }
    }

    /// An agent crashed at `now`.
    pub fn crashed(&mut self, now: Tick) {
        self.forget(now);
        self.crashes.push_back(now);
    }

    /// How many tasks may be in agents' hands at `now`.
    pub fn room(&mut self, now: Tick) -> usize {
        self.forget(now);
        (self.intensity.max_restarts as usize).saturating_sub(self.crashes.len())
    }

    /// When there is more room than now; `None` when nothing is counted.
    #[must_use]
    pub fn more_room_at(&self) -> Option<Tick> {
        self.crashes.front().map(|&at| at + self.window())
    }

    fn forget(&mut self, now: Tick) {
        let window = self.window();
        while self.crashes.front().is_some_and(|&at| now.since(at) >= window) {
            self.crashes.pop_front();
        }
    }

    /// A period without end is permitted: then no crash is ever forgotten.
    const fn window(&self) -> Duration {
        self.intensity.period.saturating_add(SLACK)
    }
}
