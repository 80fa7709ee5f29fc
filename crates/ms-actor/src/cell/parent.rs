//! The tie of a cell to its supervisor, and what is said over it.

use std::fmt;
use std::sync::Arc;

use ms_core::{ChildExit, Incarnation};

/// What a cell reports of its child.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ChildEvent {
    /// The init of this incarnation is done.
    Started(Incarnation),
    /// The init of this incarnation asked not to be started: OTP's `ignore`.
    Ignored(Incarnation),
    /// The init failed; no instance is left.
    StartFailed(ChildExit),
    /// The child ended after it had started.
    Exited(ChildExit),
}

impl ChildEvent {
    /// Returns the incarnation it is about. A supervisor ignores an older one than the present.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        match self {
            Self::Started(incarnation) | Self::Ignored(incarnation) => *incarnation,
            Self::StartFailed(exit) | Self::Exited(exit) => exit.incarnation(),
        }
    }
}

/// Where the events of children go. Called from any thread; must not block.
pub trait ChildSink: Send + Sync + 'static {
    /// Takes an event of the child with this number, the one in its [`Parent`].
    fn child_event(&self, key: u64, event: ChildEvent);
}

/// The tie of a cell to its supervisor.
#[derive(Clone)]
pub struct Parent {
    /// Where the events go.
    pub sink: Arc<dyn ChildSink>,
    /// The number that the supervisor knows the child by.
    pub key: u64,
}

impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parent").field("key", &self.key).finish_non_exhaustive()
    }
}
