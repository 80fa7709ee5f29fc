//! The port that keeps the state of components.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ms_core::lifecycle::ComponentId;

use crate::service::components::{ComponentFailure, StateSnapshot};

/// A boxed future of a [`SnapshotStore`].
pub type PersistFuture<'a> =
    Pin<Box<dyn Future<Output = Vec<(ComponentId, ComponentFailure)>> + Send + 'a>>;

/// Where the state of components goes at shutdown: the port that persistence fills.
pub trait SnapshotStore: Send + Sync + 'static {
    /// Saves all snapshots of one shutdown, within this time. A failure of one keeps no
    /// other from being saved; the failures are returned. No snapshot at all is no failure.
    fn save(&self, snapshots: Vec<StateSnapshot>, within: Duration) -> PersistFuture<'_>;
}
