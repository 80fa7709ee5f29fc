//! How a child is kept, as far as the policy is not concerned.

use std::time::Duration;

use ms_actor::Placement;

use super::ChildSpec;
use crate::heartbeat::Heartbeat;

/// The settings of a child's spec that only the actor reads. Shared by all children of a
/// dynamic supervisor: there may be a million.
pub(crate) struct ChildOptions {
    placement: Placement,
    start_timeout: Option<Duration>,
    heartbeat: Option<Heartbeat>,
    in_background: bool,
}

impl ChildOptions {
    /// Makes the options of a child whose supervisor gives its children these heartbeats.
    pub(crate) fn of(child: &ChildSpec, inherited: Option<Heartbeat>) -> Self {
        Self {
            placement: child.placement,
            start_timeout: child.start_timeout,
            heartbeat: child.heartbeat.or(inherited),
            in_background: child.in_background,
        }
    }

    pub(crate) fn placement(&self) -> Placement {
        self.placement
    }

    pub(crate) fn start_timeout(&self) -> Option<Duration> {
        self.start_timeout
    }

    pub(crate) fn heartbeat(&self) -> Option<Heartbeat> {
        self.heartbeat
    }

    /// Returns whether nobody waits for its init.
    pub(crate) fn starts_in_background(&self) -> bool {
        self.in_background
    }
}
