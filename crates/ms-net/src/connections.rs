//! The open connections of a listener, and how they end: told first, cut later.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The signals that end a listener and its connections.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Take no more connections; finish the request in hand, then close.
    pub drain: CancellationToken,
    /// Close at once.
    pub now: CancellationToken,
}

/// The open connections of a listener. Clones are the same connections.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    stop: Stop,
    open: TaskTracker,
}

/// The outcome of a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut before their requests were answered.
    pub cut: usize,
}

impl Connections {
    /// Makes an empty set of connections; `stop` ends them.
    #[must_use]
    pub fn new(stop: Stop) -> Self {
        Self { stop, open: TaskTracker::new() }
    }

    /// Returns the signals that end them.
    #[must_use]
    pub const fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Returns how many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Returns whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Stops the listener, and resolves when every connection has ended or the time is over; those
    /// that are left then are cut.
    ///
    /// The signal is sent by the call itself, whether or not the future is polled. Dropping the
    /// future cuts no connection.
    pub fn drain(&self, within: Duration) -> impl Future<Output = Drained> + Send + use<> {
        self.stop.drain.cancel();
        // The wait of a tracker ends only if it is closed.
        self.open.close();
        let Self { stop, open } = self.clone();
        async move {
            let in_time = tokio::time::timeout(within, open.wait()).await.is_ok();
            let cut = if in_time { 0 } else { open.len() };
            stop.now.cancel();
            Drained { cut }
        }
    }

    /// Stops the listener and ends every connection at once.
    pub fn cut(&self) {
        self.stop.drain.cancel();
        self.stop.now.cancel();
    }

    pub(crate) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        self.open.spawn(connection);
    }
}
