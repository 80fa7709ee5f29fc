//! Closing connections to databases.

use std::sync::Arc;

use super::{CleanupError, CleanupFuture, CleanupHandler};

/// Connections that can be closed. There is no way to delete data through this: a cache
/// or database is shared with other replicas, which go on working with it.
pub trait ConnectionPool: Send + Sync + 'static {
    /// Which, for reports: `postgres`, `redis`.
    fn name(&self) -> &str;

    /// Closes all connections; nothing to do is no error.
    fn close(&self) -> CleanupFuture<'_, Result<(), CleanupError>>;

    /// Whether all are closed, as the pool itself keeps account of it.
    fn is_closed(&self) -> bool;
}

/// Closes the connections to databases, late: others may need them until then.
pub struct DatabaseCleanupHandler {
    pools: Vec<Arc<dyn ConnectionPool>>,
    priority: u32,
}

impl DatabaseCleanupHandler {
    /// The handler's name.
    pub const NAME: &'static str = "database_connections";
    /// Its priority unless set otherwise. Lower ones run first: keep others below.
    pub const PRIORITY: u32 = 100;

    /// Closes these pools, in order.
    #[must_use]
    pub fn new(pools: Vec<Arc<dyn ConnectionPool>>) -> Self {
        Self { pools, priority: Self::PRIORITY }
    }

    /// The same with another priority.
    #[must_use]
    pub fn with_priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }
}

impl CleanupHandler for DatabaseCleanupHandler {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn priority(&self) -> u32 {
        self.priority
    }

    fn cleanup(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        Box::pin(async {
            let mut first = Ok(());
            // One that does not close keeps no other open.
            for pool in self.pools.iter().filter(|pool| !pool.is_closed()) {
                first = first.and(pool.close().await);
            }
            first
        })
    }

    fn verify(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        Box::pin(async {
            let open: Vec<_> = self.pools.iter().filter(|pool| !pool.is_closed()).collect();
            let names: Vec<_> = open.iter().map(|pool| pool.name()).collect();
            match names.is_empty() {
                true => Ok(()),
                false => Err(CleanupError::VerificationFailed(format!(
                    "still open: {}",
                    names.join(", ")
                ))),
            }
        })
    }
}

impl std::fmt::Debug for DatabaseCleanupHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseCleanupHandler")
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}
