//! The settings of a registry.

use crate::name::MAX_NAME;

/// The settings of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Its name, shown in errors. Names and keys are unique within one registry, so several
    /// registries are several scopes, as with `pg`.
    pub scope: String,
    /// Largest number of names, memberships and services together.
    pub max_entries: usize,
    /// Longest name, in bytes; at most [`MAX_NAME`].
    pub max_name_bytes: usize,
    /// Largest number of subscriptions.
    pub max_watchers: usize,
    /// Number of events kept for a watcher whose mailbox is full. After more than that it gets
    /// a [`Resync`](crate::Change::Resync) instead.
    pub watch_backlog: usize,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            scope: "local".to_owned(),
            max_entries: 1_000_000,
            max_name_bytes: MAX_NAME,
            max_watchers: 1024,
            watch_backlog: 1024,
        }
    }
}
