//! The state that publishers, the bus actor and the outlets share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use arc_swap::{ArcSwap, Guard};

use crate::config::BusConfig;
use crate::links::Links;
use crate::meters::Totals;
use crate::table::Table;

/// What publishers and the actors share. It outlives every life of the bus actor, which is why a
/// crash of that loses no subscription.
pub(crate) struct Shared {
    pub(crate) config: BusConfig,
    /// [`BusConfig::buffer`], which may change while the bus runs.
    pub(crate) buffer: AtomicUsize,
    pub(crate) clock: Box<dyn Fn() -> u64 + Send + Sync>,
    pub(crate) totals: Totals,
    pub(crate) next_id: AtomicU64,
    pub(crate) links: Arc<Links>,
    /// Written by the bus actor alone, read by every publisher: a publisher takes no lock that
    /// a subscription under way could hold.
    table: ArcSwap<Table>,
}

impl Shared {
    pub(crate) fn new(config: BusConfig, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            buffer: AtomicUsize::new(config.buffer),
            config,
            clock: Box::new(clock),
            totals: Totals::default(),
            next_id: AtomicU64::new(1),
            links: Arc::default(),
            table: ArcSwap::default(),
        }
    }

    /// Returns the published table.
    pub(crate) fn table(&self) -> Guard<Arc<Table>> {
        self.table.load()
    }

    /// Publishes a table in place of the one before.
    pub(crate) fn publish(&self, table: Table) {
        self.table.store(Arc::new(table));
    }
}
