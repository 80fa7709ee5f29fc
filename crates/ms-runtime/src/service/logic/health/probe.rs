//! A steady answer from many looks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The timing of a probe, and the numbers of looks that change its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSettings {
    /// Delay of the first look after the start.
    pub initial_delay: Duration,
    /// Interval of the looks.
    pub period: Duration,
    /// Time for one look.
    pub timeout: Duration,
    /// Good looks in a row after which it passes, at least 1.
    pub success_threshold: u32,
    /// Bad looks in a row after which it fails, at least 1.
    pub failure_threshold: u32,
}

// Three bad looks in all of them: one or two may be a busy machine. A good look counts at once.
impl ProbeSettings {
    /// 10 s, then every 5 s, 3 s each; passes at 1, fails at 3.
    pub const STARTUP: Self = Self {
        initial_delay: Duration::from_secs(10),
        period: Duration::from_secs(5),
        timeout: Duration::from_secs(3),
        success_threshold: 1,
        failure_threshold: 3,
    };
    /// Every 10 s, 5 s each; passes at 1, fails at 3.
    pub const LIVENESS: Self = Self {
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        success_threshold: 1,
        failure_threshold: 3,
    };
    /// Every 5 s, 3 s each; passes at 1, fails at 3.
    pub const READINESS: Self = Self {
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(5),
        timeout: Duration::from_secs(3),
        success_threshold: 1,
        failure_threshold: 3,
    };
}

/// The change that a look made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeChange {
    /// It passes from now on.
    Passes,
    /// It fails from now on.
    Fails,
}

/// Turns good and bad looks into a steady yes or no.
///
/// ```
/// use ms_runtime::logic::health::{Probe, ProbeChange, ProbeSettings};
/// let mut probe = Probe::new(ProbeSettings::READINESS, true);
/// assert_eq!([false, false].map(|look| probe.look(look)), [None, None]);
/// assert_eq!(probe.look(false), Some(ProbeChange::Fails));
/// assert_eq!(probe.look(true), Some(ProbeChange::Passes));
/// ```
#[derive(Debug, Clone)]
pub struct Probe {
    settings: ProbeSettings,
    passes: bool,
    /// Looks in a row that speak against `passes`.
    against: u32,
}

impl Probe {
    /// Returns a probe that starts with this answer.
    #[must_use]
    pub fn new(settings: ProbeSettings, passes: bool) -> Self {
        Self { settings, passes, against: 0 }
    }

    /// Returns its settings.
    #[must_use]
    pub fn settings(&self) -> &ProbeSettings {
        &self.settings
    }

    /// Returns its current answer.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.passes
    }

    /// Returns the number of bad looks in a row while it still passes.
    #[must_use]
    pub fn failures(&self) -> u32 {
        if self.passes { self.against } else { 0 }
    }

    /// Counts one look, and returns the change that it made.
    pub fn look(&mut self, good: bool) -> Option<ProbeChange> {
        if good == self.passes {
            // One look that agrees sets the count to zero: thresholds are looks in a row.
            self.against = 0;
            return None;
        }
        self.against += 1;
        let needed =
            if good { self.settings.success_threshold } else { self.settings.failure_threshold };
        if self.against < needed.max(1) {
            return None;
        }
        self.against = 0;
        self.passes = good;
        Some(if good { ProbeChange::Passes } else { ProbeChange::Fails })
    }
}
