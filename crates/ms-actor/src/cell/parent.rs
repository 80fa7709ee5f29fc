//! The tie of a cell to its supervisor, and what is said over it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ms_core::{ActorPath, ExitReason, Incarnation};

/// Something a supervisor must know about a child.
#[derive(Debug, Clone)]
pub struct ChildEvent {
    /// The number the supervisor gave the child.
    pub key: u64,
    /// Which start this is about; an older one than the present is ignored.
    pub incarnation: Incarnation,
    /// What happened.
    pub news: ChildNews,
}

/// What happened to a child.
#[derive(Debug, Clone)]
pub enum ChildNews {
    /// Its init is done.
    Started,
    /// Its init asked not to be started: OTP's `ignore`.
    Ignored,
    /// Its init failed; no instance is left.
    StartFailed(ExitReason),
    /// It ended after it had started.
    Exited(EndFacts),
}

/// What is known of an end beside its reason.
#[derive(Debug, Clone)]
pub struct EndFacts {
    /// Why it ended.
    pub reason: ExitReason,
    /// How long it had been up.
    pub uptime: Duration,
    /// Messages that were waiting.
    pub mailbox_depth: Option<u64>,
    /// Of these, dropped to the dead letters.
    pub dropped: u64,
    /// Actors it was waiting for, serving nothing else, when it ended.
    pub waiting_on: Vec<ActorPath>,
    /// Whether the fault was injected on purpose.
    pub injected: bool,
}

/// Where news of children go. Called from any thread; must not block.
pub trait ChildSink: Send + Sync + 'static {
    /// Takes the news.
    fn child_event(&self, event: ChildEvent);
}

/// The tie of a cell to its supervisor.
#[derive(Clone)]
pub struct Parent {
    /// Where news go.
    pub sink: Arc<dyn ChildSink>,
    /// The number that names the child in them.
    pub key: u64,
}

impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parent").field("key", &self.key).finish_non_exhaustive()
    }
}
