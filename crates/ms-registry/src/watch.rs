//! Watching: events about changes of the registry.

use std::sync::atomic::{AtomicU64, Ordering};

use actix::Message;
use ms_actor::{AnyRef, Port};
use ms_core::{ExitReason, Incarnation};

use crate::name::Name;

/// The entries that a watcher is notified of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Watched {
    /// Every name.
    Names,
    /// One name.
    Name(Name),
    /// A name and all below it, by whole segments: `/root/agents` covers
    /// `/root/agents/crawler-3` and not `/root/agents-2`.
    Under(Name),
    /// The members of one group.
    Group(Name),
    /// The members of every group.
    Groups,
}

impl Watched {
    /// Returns whether a change concerns these entries.
    pub(crate) fn wants(&self, change: &Change) -> bool {
        match change {
            Change::Resync => true,
            Change::Registered { name, .. }
            | Change::Unregistered { name, .. }
            | Change::Restarted { name, .. } => match self {
                Self::Names => true,
                Self::Name(wanted) => wanted == name,
                Self::Under(prefix) => name.is_within(prefix.as_str()),
                Self::Group(_) | Self::Groups => false,
            },
            Change::Joined { group, .. } | Change::Left { group, .. } => match self {
                Self::Groups => true,
                Self::Group(wanted) => wanted == group,
                Self::Names | Self::Name(_) | Self::Under(_) => false,
            },
        }
    }
}

/// The number of one subscription, unique within the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subscription(u64);

impl Subscription {
    pub(crate) fn next() -> Self {
        // Counted by the process and not by the registry: a watcher may watch several registries, and
        // tells their events apart by this number.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// An event about one change. Each watcher that wants it gets it once, in the order of the changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEvent {
    /// The subscription it belongs to.
    pub subscription: Subscription,
    /// The change.
    pub change: Change,
}

impl Message for RegistryEvent {
    type Result = ();
}

/// A change of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// An actor was registered under a name.
    Registered {
        /// The name.
        name: Name,
        /// The actor.
        owner: AnyRef,
    },
    /// A name became free.
    Unregistered {
        /// The name.
        name: Name,
        /// The actor that had it.
        owner: AnyRef,
        /// Why its owner ended for good; `None` when it gave the name back.
        gone: Option<ExitReason>,
    },
    /// The owner of a name was restarted. The name and references to it stay valid.
    Restarted {
        /// The name.
        name: Name,
        /// The new incarnation.
        incarnation: Incarnation,
    },
    /// An actor joined a group, perhaps once more.
    Joined {
        /// The group.
        group: Name,
        /// The actor.
        member: AnyRef,
    },
    /// An actor left a group once. For an actor that ended there is one such change for each join.
    Left {
        /// The group.
        group: Name,
        /// The actor.
        member: AnyRef,
    },
    /// Changes may have been missed, because the watcher lagged too far behind or the registry
    /// crashed. The watcher should read the present entries again.
    Resync,
}

/// A watch as the registry stores it.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) id: Subscription,
    pub(crate) what: Watched,
    pub(crate) port: Port<RegistryEvent>,
}
