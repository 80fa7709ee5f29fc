//! The supervisors that are explored, and how much may happen to each.

use std::fmt;
use std::time::Duration;

use ms_core::{
    AutoShutdown, Backoff, ChildId, ChildPolicy, Intensity, Restart, Shutdown, Strategy,
    SupervisorFlags,
};
use ms_policy::ChildEntry;

/// Limits of the events that would otherwise go on for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Commands.
    pub commands: u8,
    /// Children that lose their arbiter, which no intensity counts.
    pub evacuations: u8,
    /// Steps of the clock, each as long as a period. The window is inclusive, so a restart still counts
    /// after one step, and not after two.
    pub periods: u8,
}

/// One supervisor with three children.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The strategy.
    pub strategy: Strategy,
    /// The restart types of the children `a`, `b` and `c`.
    pub restarts: [Restart; 3],
    /// Restarts granted in a period of 5 s.
    pub max_restarts: u32,
    /// Whether `b` has a backoff.
    pub backoff: bool,
    /// The automatic shutdown. If it is not `Never`, all children that may be significant are.
    pub auto_shutdown: AutoShutdown,
    /// Whether a child may end for any reason at any time. If not, a child that ends by itself ends
    /// normally or crashes, and one that is told to stop obeys or is killed: the decisions of the policy
    /// know no other difference, only its reports do.
    pub every_reason: bool,
    /// The limits of what may happen to it.
    pub budget: Budget,
}

/// Length of the restart window.
pub(crate) const PERIOD: Duration = Duration::from_secs(5);
/// The wait of `b` after a first failure.
pub(crate) const DELAY: Duration = Duration::from_secs(1);

impl Setup {
    /// Returns the flags of the supervisor.
    #[must_use]
    pub fn flags(&self) -> SupervisorFlags {
        let intensity = Intensity { max_restarts: self.max_restarts, period: PERIOD };
        let (strategy, auto_shutdown) = (self.strategy, self.auto_shutdown);
        SupervisorFlags { strategy, intensity, auto_shutdown, ..SupervisorFlags::default() }
    }

    /// Returns the children. Each has another of the three ways to stop.
    #[must_use]
    pub fn children(&self) -> Vec<ChildEntry> {
        let ways = [Shutdown::WORKER, Shutdown::BrutalKill, Shutdown::Infinity];
        let children = ["a", "b", "c"].into_iter().zip(self.restarts).zip(ways);
        children.map(|((name, restart), shutdown)| self.child(name, restart, shutdown)).collect()
    }

    fn child(&self, name: &str, restart: Restart, shutdown: Shutdown) -> ChildEntry {
        let may = restart != Restart::Permanent && self.auto_shutdown != AutoShutdown::Never;
        let backoff = (self.backoff && name == "b").then_some(Backoff {
            min: DELAY,
            max: DELAY.saturating_mul(4),
            jitter: 0.0,
            reset_after: PERIOD,
        });
        let policy =
            ChildPolicy { restart, shutdown, significant: may, backoff, ..ChildPolicy::worker() };
        ChildEntry { id: id(name), policy }
    }
}

/// Returns a child id.
#[allow(clippy::expect_used, reason = "the names here are valid")]
pub(crate) fn id(name: &str) -> ChildId {
    ChildId::new(name).expect("a valid name")
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |restart| match restart {
            Restart::Permanent => 'P',
            Restart::Transient => 't',
            Restart::Temporary => '-',
        };
        let [a, b, c] = self.restarts.map(letter);
        let Budget { commands, evacuations, periods } = self.budget;
        write!(f, "{:?} {a}{b}{c} intensity {}", self.strategy, self.max_restarts)?;
        if self.backoff {
            write!(f, " backoff")?;
        }
        if self.auto_shutdown != AutoShutdown::Never {
            write!(f, " {:?}", self.auto_shutdown)?;
        }
        if self.every_reason {
            write!(f, " every reason")?;
        }
        write!(f, ", {commands} commands, {evacuations} evacuations, {periods} periods")
    }
}

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];

/// Makes a setup for all restart types of three children under each strategy: 81 supervisors.
fn every(make: impl Fn(Strategy, [Restart; 3]) -> Setup) -> Vec<Setup> {
    let mut all = Vec::new();
    for strategy in STRATEGIES {
        for a in RESTARTS {
            for b in RESTARTS {
                for c in RESTARTS {
                    all.push(make(strategy, [a, b, c]));
                }
            }
        }
    }
    all
}

/// Returns a setup with one restart granted, one command, and only the reasons that the decisions of
/// the policy distinguish.
fn plain(strategy: Strategy, restarts: [Restart; 3]) -> Setup {
    Setup {
        strategy,
        restarts,
        max_restarts: 1,
        backoff: false,
        auto_shutdown: AutoShutdown::Never,
        every_reason: false,
        budget: Budget { commands: 1, evacuations: 0, periods: 0 },
    }
}

/// Returns what `cargo xtask test` explores: all 81 combinations with one command; and mixed
/// supervisors, with each restart type in each place, with a backoff, with automatic shutdown, and with
/// a clock that moves.
#[must_use]
pub fn bounded() -> Vec<Setup> {
    let mut all = every(plain);
    for strategy in STRATEGIES {
        for restarts in MIXES {
            all.push(Setup { backoff: true, ..plain(strategy, restarts) });
        }
        let budget = Budget { commands: 0, evacuations: 1, periods: 2 };
        all.push(Setup { budget, ..plain(strategy, MIXES[1]) });
        for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            all.push(Setup { auto_shutdown, ..plain(strategy, LEAVING) });
        }
    }
    all
}

/// Returns what `cargo xtask model --long` explores: all 81 combinations with one command and every
/// reason of an end; all of them with an evacuation and a moving clock; and the mixed ones with two
/// commands, with more restarts granted, and with a backoff.
#[must_use]
pub fn exhaustive() -> Vec<Setup> {
    let one = |strategy, restarts| Setup { every_reason: true, ..plain(strategy, restarts) };
    let mut all = every(one);
    let budget = Budget { commands: 0, evacuations: 1, periods: 2 };
    all.extend(every(|strategy, restarts| Setup {
        budget,
        every_reason: false,
        ..one(strategy, restarts)
    }));
    let two = Budget { commands: 2, evacuations: 0, periods: 0 };
    let none = Budget { commands: 0, evacuations: 0, periods: 0 };
    for strategy in STRATEGIES {
        let mixed = one(strategy, MIXES[1]);
        all.push(Setup { budget: two, every_reason: false, ..mixed.clone() });
        all.push(Setup { budget: none, max_restarts: 3, ..mixed.clone() });
        all.push(Setup { max_restarts: 2, ..mixed });
        for restarts in MIXES {
            all.push(Setup { backoff: true, ..one(strategy, restarts) });
        }
        for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            all.push(Setup { auto_shutdown, ..one(strategy, LEAVING) });
        }
    }
    all
}

/// Each restart type in each place.
const MIXES: [[Restart; 3]; 3] = [
    [Restart::Permanent, Restart::Temporary, Restart::Transient],
    [Restart::Transient, Restart::Permanent, Restart::Temporary],
    [Restart::Temporary, Restart::Transient, Restart::Permanent],
];
/// Children that may all be significant.
const LEAVING: [Restart; 3] = [Restart::Transient, Restart::Temporary, Restart::Transient];
