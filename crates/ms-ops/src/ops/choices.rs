//! The choices that operations on actors offer, and that their answers repeat.

use crate::choice;

choice! {
    /// What comes first in a [`PsTable`](crate::views::PsTable).
    pub enum PsSort {
        /// Most time in handlers within the window.
        Busy = "busy",
        /// Longest 99th percentile of the time in the mailbox.
        Wait = "wait",
        /// Most messages waiting.
        Queue = "queue",
        /// Most restarts.
        Restarts = "restarts",
    }
}

#[allow(clippy::derivable_impls, reason = "the enum is made by a macro")]
impl Default for PsSort {
    fn default() -> Self {
        Self::Busy
    }
}

choice! {
    /// A steering verb.
    pub enum Verb {
        /// Ends it at once, as a fault: its supervisor decides.
        Kill = "kill",
        /// Stops it in an orderly way and starts it again; not counted as a fault.
        Restart = "restart",
        /// Serves only control until resumed.
        Suspend = "suspend",
        /// Ends a suspension.
        Resume = "resume",
        /// Stops it in an orderly way and leaves it down.
        Stop = "stop",
    }
}

choice! {
    /// A fault to inject.
    pub enum Fault {
        /// Panics in the next handler.
        Crash = "crash",
        /// Panics in a handler after an await.
        CrashAfterAwait = "crash_after_await",
        /// Awaits for ever: the actor hangs, its thread goes on.
        Hang = "hang",
        /// Blocks its thread.
        Block = "block",
    }
}
