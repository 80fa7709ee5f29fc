//! The reasons to give up at once, and their exit codes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason why a node ends at once, without an orderly shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum EmergencyReason {
    /// A panic outside any actor, in code that nobody supervises. A panic of an actor is handled by
    /// its supervisor, and is no emergency.
    Panic(String),
    /// The root supervisor gave up, or critical errors reached their threshold.
    CriticalError(String),
    /// The process uses more memory than allowed, or another resource is used up.
    ResourceExhaustion(String),
    /// To go on would do harm.
    SecurityBreach(String),
    /// A second stop signal came while the node stopped in order.
    // The old name, which stands in crash reports that exist and in scripts that read them.
    #[serde(rename = "told_twice")]
    StoppedTwice(String),
}

impl EmergencyReason {
    /// Returns the exit code of the process: 101 to 104, or 1 for a stop that an operator forced.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Panic(_) => 101,
            Self::CriticalError(_) => 102,
            Self::ResourceExhaustion(_) => 103,
            Self::SecurityBreach(_) => 104,
            Self::StoppedTwice(_) => 1,
        }
    }

    /// Returns what happened, in one line.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Panic(detail)
            | Self::CriticalError(detail)
            | Self::ResourceExhaustion(detail)
            | Self::SecurityBreach(detail)
            | Self::StoppedTwice(detail) => detail,
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
            Self::StoppedTwice(_) => "told to stop twice",
        };
        write!(f, "{kind}: {}", self.detail())
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
            EmergencyReason::StoppedTwice(text()),
        ];
        assert_eq!(all.each_ref().map(EmergencyReason::exit_code), [101, 102, 103, 104, 1]);
        assert_eq!(all[3].to_string(), "security breach: x");
    }
}
