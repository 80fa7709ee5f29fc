//! The phases of a boot.

use serde::{Deserialize, Serialize};

/// A phase of a boot, in order. The dependency graph orders what is within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// 0: checks of the surroundings, before anything else.
    Preflight,
    /// 1: the threads, the node and the root supervisor.
    Runtime,
    /// 2: configuration.
    Configuration,
    /// 3: logs, metrics and traces.
    Observability,
    /// 4: stores and pools.
    Data,
    /// 5: keys, authentication.
    Security,
    /// 6: bus, registry, router.
    Core,
    /// 7: listeners. They bind, and refuse work until the boot is done.
    Transport,
    /// 8: the health of what has started is watched from here on.
    Supervision,
    /// 9: agents and what else the application brings.
    Applications,
    /// 10: the health of the whole is good enough to take work.
    Verification,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Self; 11] = [
        Self::Preflight,
        Self::Runtime,
        Self::Configuration,
        Self::Observability,
        Self::Data,
        Self::Security,
        Self::Core,
        Self::Transport,
        Self::Supervision,
        Self::Applications,
        Self::Verification,
    ];

    /// Returns its number, 0 to 10.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns its name, as configuration and reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Runtime => "runtime",
            Self::Configuration => "configuration",
            Self::Observability => "observability",
            Self::Data => "data",
            Self::Security => "security",
            Self::Core => "core",
            Self::Transport => "transport",
            Self::Supervision => "supervision",
            Self::Applications => "applications",
            Self::Verification => "verification",
        }
    }

    /// Returns whether components may be put into it.
    #[must_use]
    pub const fn starts_components(self) -> bool {
        // In 0 there is no node yet, in 1 its own parts start, and 10 only asks those that run.
        !matches!(self, Self::Preflight | Self::Runtime | Self::Verification)
    }
}
