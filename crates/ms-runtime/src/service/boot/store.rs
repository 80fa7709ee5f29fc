//! The port that keeps the state of components.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ms_core::lifecycle::ComponentId;

use crate::service::components::{ComponentFailure, StateSnapshot};

/// A boxed future of a [`SnapshotStore`].
pub type PersistFuture<'a> =
    Pin<Box<dyn Future<Output = Vec<(ComponentId, ComponentFailure)>> + Send + 'a>>;

/// Saves the state of components at shutdown. Persistence implements it.
pub trait SnapshotStore: Send + Sync + 'static {
    /// Saves all snapshots of one shutdown within this time, and returns the failures. A failure
    /// must not keep the other snapshots from being saved. No snapshot at all is no failure.
    fn save(&self, snapshots: Vec<StateSnapshot>, within: Duration) -> PersistFuture<'_>;
}
