//! Control messages: served before the mailbox, between any two messages.

use std::time::Duration;

use ms_core::view::{ActorStatus, TraceLine};
use ms_core::{ActorPath, ExitReason};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::state::StateValue;

/// A fault injected on purpose, to see the tree cope with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Panic, as if in a handler.
    Panic,
    /// Panic in a future after it was polled once, as if after an await.
    PanicAfterAwait,
    /// Serve nothing any more, without blocking the thread.
    Hang,
    /// Block the thread for this long.
    Block(Duration),
}

/// What the kernel says to an actor's run loop.
pub(crate) enum Control {
    /// Stop in an orderly way, hooks included.
    Stop(ExitReason),
    /// End now; no hook runs.
    Kill(ExitReason),
    Suspend,
    Resume,
    Status(oneshot::Sender<ActorStatus>),
    State(oneshot::Sender<Option<StateValue>>),
    Trace(TraceOrder),
    /// A trace's time may be up.
    TraceTimeout,
    Inject(Fault),
    /// An exit signal: of a link, or of a stranger.
    Exit {
        from: Option<ActorPath>,
        reason: ExitReason,
    },
    /// The supervisor ended without stopping its children.
    ParentExit(ExitReason),
}

/// A trace with hard limits.
pub(crate) struct TraceOrder {
    pub(crate) left: u64,
    pub(crate) until: Instant,
    pub(crate) lines: mpsc::Sender<TraceLine>,
}
