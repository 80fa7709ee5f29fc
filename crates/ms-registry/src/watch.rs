//! Watching: messages about what changes in the registry.

use std::sync::atomic::{AtomicU64, Ordering};

use actix::Message;
use ms_actor::{AnyRef, Port};
use ms_core::{ExitReason, Incarnation};

use crate::name::Name;

/// What a watcher wants to hear of.
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

/// The number of one subscription, unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subscription(u64);

impl Subscription {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Something changed: sent once to each watcher that wants it, in the order of the changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEvent {
    /// Which subscription this answers.
    pub subscription: Subscription,
    /// What changed.
    pub change: Change,
}

impl Message for RegistryEvent {
    type Result = ();
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An actor has a name now.
    Registered {
        /// The name.
        name: Name,
        /// Who has it.
        owner: AnyRef,
    },
    /// It has it no more.
    Unregistered {
        /// The name.
        name: Name,
        /// Who had it.
        owner: AnyRef,
        /// Why its owner ended for good; `None` when it gave the name back.
        gone: Option<ExitReason>,
    },
    /// The owner of a name was started again; the name and references to it stay.
    Restarted {
        /// The name.
        name: Name,
        /// Which start this is.
        incarnation: Incarnation,
    },
    /// An actor joined a group (once more).
    Joined {
        /// The group.
        group: Name,
        /// Who joined.
        member: AnyRef,
    },
    /// An actor left a group (once), or ended for good (once a join).
    Left {
        /// The group.
        group: Name,
        /// Who left.
        member: AnyRef,
    },
    /// Changes may have been missed: the watcher lagged too far behind, or the
    /// registry itself crashed. Read the present state again.
    Resync,
}

/// A subscription as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) id: Subscription,
    pub(crate) what: Watched,
    pub(crate) port: Port<RegistryEvent>,
}
