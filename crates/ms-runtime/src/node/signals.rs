//! The signals of a process, as its main loop gets them.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process as os;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::logic::process::ProcessSignal;

/// Signals that ask for nothing, but by default end the process at once: those for users, of
/// timers, of descriptors and of limits. Those that report a fault of the process itself, such as
/// SIGSEGV, are not among them. With SIGXFSZ passed over, a write beyond the limit fails as one to
/// a full disk does.
const IGNORED: [(&str, os::Signal); 7] = [
    ("SIGUSR1", os::Signal::USR1),
    ("SIGUSR2", os::Signal::USR2),
    ("SIGALRM", os::Signal::ALARM),
    ("SIGVTALRM", os::Signal::VTALARM),
    ("SIGPROF", os::Signal::PROF),
    ("SIGIO", os::Signal::IO),
    ("SIGXFSZ", os::Signal::XFSZ),
];

/// The signals, taken for the rest of the process.
pub(crate) struct Signals {
    ignored: Vec<(&'static str, Signal)>,
    interrupts: Signal,
    terminations: Signal,
    quits: Signal,
    hangups: Signal,
}

impl Signals {
    /// Takes them, on the tokio runtime of this thread.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub(crate) fn take() -> io::Result<Self> {
        // Taken, not set to be ignored: that would be handed down to programs it starts.
        let ignored = IGNORED
            .into_iter()
            .map(|(name, number)| Ok((name, signal(SignalKind::from_raw(number.as_raw()))?)));
        Ok(Self {
            ignored: ignored.collect::<io::Result<_>>()?,
            interrupts: signal(SignalKind::interrupt())?,
            terminations: signal(SignalKind::terminate())?,
            quits: signal(SignalKind::quit())?,
            hangups: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one that asks for something. Cancel-safe.
    pub(crate) async fn next(&mut self) -> ProcessSignal {
        loop {
            tokio::select! {
                _ = self.terminations.recv() => return ProcessSignal::Stop("SIGTERM"),
                _ = self.interrupts.recv() => return ProcessSignal::Stop("SIGINT"),
                _ = self.quits.recv() => return ProcessSignal::Stop("SIGQUIT"),
                _ = self.hangups.recv() => return ProcessSignal::Hangup,
                name = any(&mut self.ignored) => {
                    tracing::warn!(name, "a signal without meaning here is passed over");
                }
            }
        }
    }
}

/// Waits for the first of these; returns its name. Cancel-safe.
async fn any(signals: &mut [(&'static str, Signal)]) -> &'static str {
    poll_fn(|cx| {
        let mut all = signals.iter_mut();
        let come = all.find_map(|(name, signal)| signal.poll_recv(cx).is_ready().then_some(*name));
        come.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
