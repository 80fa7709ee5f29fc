//! The state that handles and the router's actor share.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::config::RouterConfig;
use crate::table::Table;

/// What handles and the actor share: the settings and the published table. It outlives every life
/// of the actor, so a crash of that loses no route.
pub(crate) struct Shared {
    pub(crate) config: RouterConfig,
    table: ArcSwap<Table>,
}

impl Shared {
    pub(crate) fn new(config: RouterConfig) -> Self {
        Self { config, table: ArcSwap::default() }
    }

    /// Returns the published table. Takes no lock.
    pub(crate) fn table(&self) -> Guard<Arc<Table>> {
        self.table.load()
    }

    pub(crate) fn publish(&self, table: Table) {
        self.table.store(Arc::new(table));
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}
