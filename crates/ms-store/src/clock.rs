//! The store's clock, and the wall clock it begins at.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::{Node, unix_ms};
use ms_core::Tick;
use ms_core::task::TaskTime;

/// The source of a store's time of day: the machine's clock by default.
///
/// It is read once, when the store is opened.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl WallClock {
    /// Makes a clock of a function that returns milliseconds since 1970.
    #[must_use]
    pub fn new(unix_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(unix_ms))
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new(unix_ms)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

/// The wall clock at the opening (or the time the clock had reached, if that is later) plus the
/// time on the node's monotonic clock since. It never goes back, and setting the wall clock does
/// not move it.
#[derive(Debug, Clone)]
pub(crate) struct StoreClock {
    node: Node,
    base: TaskTime,
    opened: Tick,
}

impl StoreClock {
    /// Makes a clock that goes on from `recorded`, if that is later than the wall clock.
    pub(crate) fn new(node: &Node, wall: &WallClock, recorded: TaskTime) -> Self {
        let base = TaskTime::from_millis((wall.0)()).max(recorded);
        Self { node: node.clone(), base, opened: node.now() }
    }

    pub(crate) fn now(&self) -> TaskTime {
        let run: Duration = self.node.now().since(self.opened);
        self.base + run
    }
}
