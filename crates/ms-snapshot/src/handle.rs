//! The handle by which components reach their snapshots.

use std::sync::Arc;
use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{Hosted, Node, Ref};
use ms_core::{ActorPath, Incarnation};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::actor::{SnapshotActor, note};
use crate::error::{ExtractError, RestoreError};
use crate::messages::{Extracted, Put};
use crate::persist::{Persist, decode};
use crate::store::Store;

/// Longest read at the start of a component.
const RESTORE_DEADLINE: Duration = Duration::from_secs(10);
/// Longest wait of a component that hands its state over.
const PUT_DEADLINE: Duration = Duration::from_secs(5);

/// A handle to the snapshots of components. It is cheap to clone; pass it to an agent in its
/// arguments.
#[derive(Debug, Clone)]
pub struct Snapshots {
    store: Arc<Store>,
    every: Option<Duration>,
}

impl Snapshots {
    /// Returns a handle to an open store. The actor saves once in each period `every`, or only
    /// when it is asked to.
    #[must_use]
    pub fn new(store: Store, every: Option<Duration>) -> Self {
        Self { store: Arc::new(store), every }
    }

    /// Returns the blueprint of the saving actor. Give it to a supervisor, once, before the
    /// components: then it is stopped after them, and saves the states they hand over.
    #[must_use]
    pub fn blueprint(&self) -> Blueprint {
        let this = self.clone();
        let factory = move |_: &_| Ok(SnapshotActor::new(Arc::clone(&this.store), this.every));
        let tier = <SnapshotActor as Hosted>::TIER;
        Blueprint::with_view(factory, tier, Some(SnapshotActor::view))
    }

    /// Returns the newest good state of the component at `id`, migrated to its present schema, or
    /// `None` when there is none. Damaged files on the way are logged and published.
    ///
    /// It reads the disk itself, on a blocking thread, so that no start waits for a save.
    ///
    /// # Errors
    /// [`RestoreError`] when the state cannot be read or decoded. Whether to start afresh then is
    /// the component's decision.
    pub async fn restore<P: Persist>(
        &self,
        node: &Node,
        id: &ActorPath,
    ) -> Result<Option<P::State>, RestoreError> {
        let (store, path) = (Arc::clone(&self.store), id.clone());
        let read = spawn_blocking(move || store.restore(&path));
        let read = timeout(RESTORE_DEADLINE, read).await.map_err(|_| RestoreError::TimedOut)?;
        let (found, audit) = read.map_err(std::io::Error::other)??;
        for line in audit {
            note(node, id, "snapshot_refused", line.to_string());
        }
        found.map(|found| decode::<P>(found.schema, &found.state)).transpose()
    }

    /// Hands the state of a component over when it stops.
    ///
    /// # Errors
    /// [`ExtractError`] when the state cannot be encoded, or the actor does not take it in time.
    pub async fn put<P: Persist>(
        saver: &Ref<SnapshotActor>,
        id: &ActorPath,
        incarnation: Incarnation,
        component: &P,
    ) -> Result<(), ExtractError> {
        let state = Extracted::of(component, incarnation)?;
        let put = saver.ask(Put(id.clone(), state)).within(PUT_DEADLINE);
        put.await.map_err(|error| ExtractError::Unanswered(error.into_failure()))
    }
}
