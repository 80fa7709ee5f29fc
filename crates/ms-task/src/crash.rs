//! A guard that keeps poison tasks from taking a supervisor down.

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

/// Added to the window: the supervisor counts whole seconds, both ends included, and this guard
/// must never forget a crash earlier than it does.
const SLACK: Duration = Duration::from_secs(2);

impl CrashGuard {
    /// Returns a guard for agents under a supervisor with this intensity.
    #[must_use]
    pub const fn new(intensity: Intensity) -> Self {
        Self { intensity, crashes: VecDeque::new() }
    }

    /// Counts the crash of an agent at `now`.
    pub fn crashed(&mut self, now: Tick) {
        self.forget(now);
        self.crashes.push_back(now);
    }

    /// Returns how many tasks may be in agents' hands at `now`.
    pub fn room(&mut self, now: Tick) -> usize {
        self.forget(now);
        (self.intensity.max_restarts as usize).saturating_sub(self.crashes.len())
    }

    /// Returns when there is more room than now; `None` when nothing is counted.
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

    /// Returns how long a crash counts. A period without end is permitted: then no crash is ever
    /// forgotten.
    const fn window(&self) -> Duration {
        self.intensity.period.saturating_add(SLACK)
    }
}
