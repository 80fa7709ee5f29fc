//! The signals of a process, as orders.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// SIGINT, SIGTERM, SIGQUIT, by name: stop.
    Stop(&'static str),
    /// SIGHUP.
    Hangup,
}

/// The signals, taken for the rest of the process.
pub(crate) struct Signals {
    interrupts: Signal,
    terminations: Signal,
    quits: Signal,
    hangups: Signal,
}

impl Signals {
    /// Takes them, on the tokio runtime of this thread.
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self {
            interrupts: signal(SignalKind::interrupt())?,
            terminations: signal(SignalKind::terminate())?,
            quits: signal(SignalKind::quit())?,
            hangups: signal(SignalKind::hangup())?,
        })
    }

    /// The next one. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminations.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupts.recv() => Asked::Stop("SIGINT"),
            _ = self.quits.recv() => Asked::Stop("SIGQUIT"),
            _ = self.hangups.recv() => Asked::Hangup,
        }
    }
}
