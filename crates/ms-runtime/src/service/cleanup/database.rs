//! Closes the connections to databases.

use std::sync::Arc;

use super::{CleanupError, CleanupFuture, CleanupHandler};

/// Connections that can be closed.
// Closed and nothing else. An early plan of this framework flushed the cache at shutdown; that
// cache is shared with the other replicas, which go on working with it.
pub trait ConnectionPool: Send + Sync + 'static {
    /// Returns its name, for reports: `postgres`, `redis`.
    fn name(&self) -> &str;

    /// Closes all connections. It is no error if none is open.
    fn close(&self) -> CleanupFuture<'_, Result<(), CleanupError>>;

    /// Returns whether all connections are closed, by the pool's own count.
    fn is_closed(&self) -> bool;
}

/// Closes the connections to databases, late, since other handlers may need them until then.
pub struct DatabaseCleanupHandler {
    pools: Vec<Arc<dyn ConnectionPool>>,
    priority: u32,
}

impl DatabaseCleanupHandler {
    /// Name of the handler.
    pub const NAME: &'static str = "database_connections";
    /// Default priority. Lower ones run first: keep other handlers below.
    pub const PRIORITY: u32 = 100;

    /// Returns a handler that closes these pools, in this order.
    #[must_use]
    pub fn new(pools: Vec<Arc<dyn ConnectionPool>>) -> Self {
        Self { pools, priority: Self::PRIORITY }
    }

    /// Sets the priority.
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
            // A pool that does not close must not keep the others open: the first error is kept,
            // and the loop goes on.
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
