//! When to give up on a node, and what its exit code says then.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Tick;

/// The topic of the event by which any actor says that something happened that a node should not
/// live with for long ([`EventKind::Noted`](crate::view::EventKind::Noted)): its text says what.
/// The service counts them.
pub const CRITICAL_ERROR: &str = "critical_error";

/// Why a node stops at once, without an orderly shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum EmergencyReason {
    /// A panic outside of any actor: nobody supervises that code. One inside an actor is
    /// its supervisor's business and no emergency.
    Panic(String),
    /// The root supervisor gave up, or critical errors went over their threshold.
    CriticalError(String),
    /// More memory is used than it may, or another resource of the process is used up.
    ResourceExhaustion(String),
    /// Running on would do harm.
    SecurityBreach(String),
    /// It was told to stop a second time while it stopped in order.
    ToldTwice(String),
}

impl EmergencyReason {
    /// The exit code of the process: 101 to 104, and 1 for a stop that somebody wanted forced.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Panic(_) => 101,
            Self::CriticalError(_) => 102,
            Self::ResourceExhaustion(_) => 103,
            Self::SecurityBreach(_) => 104,
            Self::ToldTwice(_) => 1,
        }
    }

    /// What happened, in one line.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Panic(detail)
            | Self::CriticalError(detail)
            | Self::ResourceExhaustion(detail)
            | Self::SecurityBreach(detail)
            | Self::ToldTwice(detail) => detail,
        }
    }
}

impl fmt::Display for EmergencyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Panic(_) => "panic",
            Self::CriticalError(_) => "critical error",
            Self::ResourceExhaustion(_) => "resource exhaustion",
            Self::SecurityBreach(_) => "security breach",
            Self::ToldTwice(_) => "told to stop twice",
        };
        write!(f, "{kind}: {}", self.detail())
    }
}

/// Counts critical errors in a sliding window; over the threshold is an emergency.
#[derive(Debug, Clone)]
pub struct ErrorBudget {
    threshold: usize,
    window: Duration,
    seen: VecDeque<Tick>,
}

impl ErrorBudget {
    /// An emergency at this many errors within this time; a threshold of 0 counts as 1.
    #[must_use]
    pub fn new(threshold: usize, window: Duration) -> Self {
        Self { threshold: threshold.max(1), window, seen: VecDeque::new() }
    }

    /// Counts one error; says whether the threshold is reached.
    pub fn record(&mut self, now: Tick) -> bool {
        while self.seen.front().is_some_and(|seen| now.since(*seen) > self.window) {
            self.seen.pop_front();
        }
        self.seen.push_back(now);
        // More than the threshold need not be remembered.
        if self.seen.len() > self.threshold {
            self.seen.pop_front();
        }
        self.seen.len() >= self.threshold
    }

    /// Errors that count at present.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S5.4-08, S5.4-09
    #[test]
    fn each_emergency_has_its_exit_code_and_says_why() {
        let text = || "x".to_owned();
        let all = [
            EmergencyReason::Panic(text()),
            EmergencyReason::CriticalError(text()),
            EmergencyReason::ResourceExhaustion(text()),
            EmergencyReason::SecurityBreach(text()),
            EmergencyReason::ToldTwice(text()),
        ];
        assert_eq!(all.each_ref().map(EmergencyReason::exit_code), [101, 102, 103, 104, 1]);
        assert_eq!(all[3].to_string(), "security breach: x");
    }

    /// S5.4-05
    #[test]
    fn critical_errors_are_an_emergency_at_their_threshold_within_the_window_only() {
        let mut budget = ErrorBudget::new(3, Duration::from_secs(10));
        let at = |second: u64| Tick::from_millis(second * 1000);
        assert_eq!([0, 5, 11, 16].map(|second| budget.record(at(second))), [false; 4]);
        assert!(budget.record(at(17)));
        assert!(budget.record(at(18)), "and stays one");
    }
}
