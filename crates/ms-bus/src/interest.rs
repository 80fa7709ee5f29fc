//! The interest of a process in events: the subjects and queue groups of its subscriptions.

use std::sync::Arc;

use crate::subject::Filter;

/// The subjects and the queue group of one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Interest {
    /// The subjects it wants.
    pub filter: Filter,
    /// The queue group it is a member of.
    pub group: Option<Arc<str>>,
}
