//! The section `core.supervision` of the configuration.

use std::time::Duration;

use ms_config::units::{DAY, HOUR, millis, secs};
use ms_config::{Problems, Rules, choices, settings};
use ms_core::spec::{Intensity, Strategy, SupervisorFlags};

choices! {
    /// The children that are restarted after a failure.
    pub enum StrategyName {
        OneForOne = "one_for_one", OneForAll = "one_for_all", RestForOne = "rest_for_one",
    }
}

settings! {
    /// The supervision of the children of the root.
    pub struct Supervision rules own {
        /// The children that are restarted after a failure.
        strategy: StrategyName = StrategyName::OneForOne => restart;
        /// Restarts granted within the window; one more and the supervisor gives up.
        max_restarts: u32 = 5, in 0..=10_000, unit "restarts" => restart;
        /// Length of the sliding window of restarts; whole seconds.
        restart_window: Duration = secs(60), in secs(1)..=DAY => restart;
        /// Interval at which a supervisor asks a child for its health.
        health_check_interval: Duration = secs(10), in millis(100)..=HOUR => restart;
        /// Interval of the heartbeats of a child.
        heartbeat_interval: Duration = secs(5), in millis(100)..=HOUR => restart;
        /// Heartbeats missed in a row until a child counts as hung.
        heartbeat_missed: u32 = 3, in 1..=100, unit "heartbeats" => restart;
    } sections {}
}

impl Supervision {
    /// Returns the flags for a supervisor of `ms-supervisor`.
    #[must_use]
    pub fn flags(&self) -> SupervisorFlags {
        let strategy = match self.strategy {
            StrategyName::OneForOne => Strategy::OneForOne,
            StrategyName::OneForAll => Strategy::OneForAll,
            StrategyName::RestForOne => Strategy::RestForOne,
        };
        let intensity = Intensity { max_restarts: self.max_restarts, period: self.restart_window };
        SupervisorFlags { strategy, intensity, ..SupervisorFlags::default() }
    }
}

impl Rules for Supervision {
    fn rules(&self, at: &str, problems: &mut Problems) {
        // The window counts whole seconds, as OTP's does.
        if self.restart_window.subsec_nanos() != 0 {
            problems.add(format!("{at}restart_window"), "must be whole seconds");
        }
    }
}
