//! The store's clock.

use std::time::Duration;

use ms_actor::{Node, unix_ms};
use ms_core::Tick;
use ms_core::task::TaskTime;

/// Wall clock at the opening (or where the clock had come to, if that is later) plus what
/// the node's monotonic clock has run since: it never goes back, and setting the wall
/// clock does not move it.
#[derive(Debug, Clone)]
pub(crate) struct StoreClock {
    node: Node,
    base: TaskTime,
    opened: Tick,
}

impl StoreClock {
    /// A clock that goes on from `recorded`, if that is later than the wall clock.
    pub(crate) fn new(node: &Node, recorded: TaskTime) -> Self {
        let base = TaskTime::from_millis(unix_ms()).max(recorded);
        Self { node: node.clone(), base, opened: node.now() }
    }

    pub(crate) fn now(&self) -> TaskTime {
        let run: Duration = self.node.now().since(self.opened);
        self.base + run
    }
}
