//! The state that handles and the registry's actor share.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::config::RegistryConfig;
use crate::logic::table::Snapshot;

/// What handles and the actor share: the settings and the published snapshot. It outlives every
/// life of the actor, so a crash of that forgets nothing.
pub(crate) struct Shared {
    config: RegistryConfig,
    snapshot: ArcSwap<Snapshot>,
}

impl Shared {
    pub(crate) fn new(config: RegistryConfig) -> Self {
        // Seeded at random: names come from outside, and must not be chosen to collide.
        let seed = RandomState::new().hash_one(&config.scope);
        Self { config, snapshot: ArcSwap::from_pointee(Snapshot::new(seed)) }
    }

    pub(crate) fn config(&self) -> &RegistryConfig {
        &self.config
    }

    /// Returns the published snapshot. Takes no lock.
    pub(crate) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    pub(crate) fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }
}
