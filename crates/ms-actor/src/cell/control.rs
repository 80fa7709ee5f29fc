//! Control messages: served before the mailbox, between any two messages.

use std::time::Duration;

use ms_core::view::{ActorStatus, TraceLine};
use ms_core::{ActorPath, ExitReason};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::cell::state::StateValue;
use crate::few::Few;

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
    TraceMessages(TraceOrder),
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

impl Control {
    /// Returns whether nobody waits for what it asks any more.
    fn is_stale(&self) -> bool {
        match self {
            Self::Status(reply) => reply.is_closed(),
            Self::State(reply) => reply.is_closed(),
            Self::TraceMessages(order) => order.lines.is_closed(),
            _ => false,
        }
    }
}

/// Messages of control that have room without a look at what is stale.
const UNSWEPT: usize = 16;

/// Appends to the queue of an actor that may not read it for long, since its thread stands
/// still: what was asked of it and given up does not pile up there meanwhile. Looks each time
/// the queue has doubled.
pub(crate) fn append(queue: &mut Few<Control>, message: Control) {
    if queue.len() >= UNSWEPT && queue.len().is_power_of_two() {
        queue.retain(|waiting| !waiting.is_stale());
    }
    queue.push(message);
}

/// A trace with hard limits.
pub(crate) struct TraceOrder {
    pub(crate) left: u64,
    pub(crate) until: Instant,
    pub(crate) lines: mpsc::Sender<TraceLine>,
    /// Rings when its time is up; ends with it.
    pub(crate) timer: Option<Timer>,
}

/// A task that goes when its handle does.
pub(crate) struct Timer(pub(crate) JoinHandle<()>);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests {
    use super::*;

    #[test]
    fn questions_that_were_given_up_do_not_pile_up_unread() {
        let (mut queue, mut asked) = (Few::default(), Vec::new());
        for n in 0..10_000 {
            let (reply, answer) = oneshot::channel();
            append(&mut queue, Control::Status(reply));
            if n % 1_000 == 0 {
                asked.push(answer);
            }
        }
        append(&mut queue, Control::Suspend);
        assert!(queue.len() <= 2 * UNSWEPT, "{} are kept", queue.len());
        let waiting = queue.iter().filter(|message| !message.is_stale()).count();
        assert!(waiting > asked.len(), "{waiting}: nothing that somebody waits for is gone");
        assert!(matches!(queue.last(), Some(Control::Suspend)));
    }
}
