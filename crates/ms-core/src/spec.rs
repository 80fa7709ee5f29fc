//! How a supervisor treats its children: the pure part of a child spec.
//!
//! Names, meanings and defaults are those of OTP's `supervisor` module. What OTP
//! does not have ([`Backoff`], keep-mailbox restarts, heartbeats) is off by default.

use std::time::Duration;

pub use crate::backoff::Backoff;

use serde::{Deserialize, Serialize};

/// When a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always, a normal end included.
    #[default]
    Permanent,
    /// Unless it ended in an orderly way ([`crate::ExitReason::is_clean`]).
    Transient,
    /// Never; its spec is dropped when it ends.
    Temporary,
}

/// How long a child may take to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shutdown {
    /// Killed at once; no hook runs.
    BrutalKill,
    /// Told to stop, killed when the time is over.
    Timeout(Duration),
    /// Told to stop and waited for without limit. For supervisors.
    Infinity,
}

impl Shutdown {
    /// OTP's default for a worker: five seconds.
    pub const WORKER: Self = Self::Timeout(Duration::from_secs(5));
}

/// Worker or supervisor: decides the default [`Shutdown`] and what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildType {
    /// A leaf that does work.
    #[default]
    Worker,
    /// An actor whose only work is children.
    Supervisor,
}

/// Which children one failure takes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The failed child alone.
    #[default]
    OneForOne,
    /// All children.
    OneForAll,
    /// The failed child and those started after it.
    RestForOne,
    /// Any number of children of one template, added at run time: OTP's `simple_one_for_one`.
    SimpleOneForOne,
}

/// Whether the end of significant children ends the supervisor (OTP 24 and later).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoShutdown {
    /// Never.
    #[default]
    Never,
    /// When any significant child ends by itself.
    AnySignificant,
    /// When the last significant child has ended by itself.
    AllSignificant,
}

/// How many restarts a supervisor grants within a window before it gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Intensity {
    /// Restarts granted within the period; 0 gives up at the first.
    pub max_restarts: u32,
    /// Length of the sliding window in whole seconds, at least 1.
    pub period: Duration,
}

impl Default for Intensity {
    /// Returns OTP's default: 1 restart in 5 seconds.
    fn default() -> Self {
        Self { max_restarts: 1, period: Duration::from_secs(5) }
    }
}

/// What a supervisor does when its restart budget is used up. OTP's only gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenExhausted {
    /// It stops its children and ends: its own supervisor decides what is next.
    #[default]
    GiveUp,
    /// It goes on, but waits this long before the restart that was one too many, and before
    /// each further one until the window has room again. Not zero.
    Pause(Duration),
}

/// In which order a supervisor that ends stops its children.
///
/// It does not apply to restarts: a group is always stopped latest start first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopOrder {
    /// One after the other, latest start first, as OTP does.
    #[default]
    Reverse,
    /// All at once, each with the time its own spec gives it: for children that do not need one
    /// another, such as the agents of a pool. OTP does so for `simple_one_for_one` only, and a
    /// dynamic supervisor here does so in any case.
    Together,
}

/// The flags of a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SupervisorFlags {
    /// Which children one failure takes along.
    pub strategy: Strategy,
    /// Restarts granted within a window.
    pub intensity: Intensity,
    /// What happens when that is used up.
    #[serde(default)]
    pub when_exhausted: WhenExhausted,
    /// Whether significant children end the supervisor.
    pub auto_shutdown: AutoShutdown,
    /// Most children of a dynamic supervisor; `None` is no limit but memory.
    pub max_children: Option<usize>,
    /// In which order its children are stopped when it ends.
    #[serde(default)]
    pub stop_order: StopOrder,
}

/// The part of one child's spec that decides how it is restarted and stopped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChildPolicy {
    /// When it is started again.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Worker or supervisor.
    pub kind: ChildType,
    /// Whether its own end may end the supervisor.
    pub significant: bool,
    /// Delay between automatic restarts; `None` restarts at once, as OTP does.
    pub backoff: Option<Backoff>,
}

impl ChildPolicy {
    /// Makes the policy of a permanent worker with five seconds to stop.
    #[must_use]
    pub const fn worker() -> Self {
        Self {
            restart: Restart::Permanent,
            shutdown: Shutdown::WORKER,
            kind: ChildType::Worker,
            significant: false,
            backoff: None,
        }
    }

    /// Makes the policy of a permanent supervisor with all the time it needs to stop.
    #[must_use]
    pub const fn supervisor() -> Self {
        Self { shutdown: Shutdown::Infinity, kind: ChildType::Supervisor, ..Self::worker() }
    }
}
