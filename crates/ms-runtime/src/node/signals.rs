//! The signals of a process, as its main loop gets them.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process as os;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::logic::process::ProcessSignal;

/// Signals that mean nothing to a node, but end a process by default.
// A stray SIGUSR1 or SIGALRM must not kill the node without a shutdown. Signals that report a
// fault of the process itself, such as SIGSEGV, are not among them: there is nothing to go on with.
// With SIGXFSZ ignored, a write beyond the file size limit fails as on a full disk, and the writer
// can handle it.
const IGNORED: [(&str, os::Signal); 7] = [
    ("SIGUSR1", os::Signal::USR1),
    ("SIGUSR2", os::Signal::USR2),
    ("SIGALRM", os::Signal::ALARM),
    ("SIGVTALRM", os::Signal::VTALARM),
    ("SIGPROF", os::Signal::PROF),
    ("SIGIO", os::Signal::IO),
    ("SIGXFSZ", os::Signal::XFSZ),
];

/// The signals of the process, taken for the rest of its life.
pub(crate) struct Signals {
    ignored: Vec<(&'static str, Signal)>,
    interrupts: Signal,
    terminations: Signal,
    quits: Signal,
    hangups: Signal,
}

impl Signals {
    /// Takes the signals, on the tokio runtime of this thread.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub(crate) fn take() -> io::Result<Self> {
        // Handled, not set to SIG_IGN: child processes would inherit that.
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

    /// Waits for the next signal that asks for something. Cancel-safe.
    pub(crate) async fn next(&mut self) -> ProcessSignal {
        loop {
            tokio::select! {
                _ = self.terminations.recv() => return ProcessSignal::Stop("SIGTERM"),
                _ = self.interrupts.recv() => return ProcessSignal::Stop("SIGINT"),
                _ = self.quits.recv() => return ProcessSignal::Stop("SIGQUIT"),
                _ = self.hangups.recv() => return ProcessSignal::Hangup,
                name = any(&mut self.ignored) => {
                    tracing::warn!(name, "ignoring a signal that this node does not handle");
                }
            }
        }
    }
}

/// Waits for the first of these signals and returns its name. Cancel-safe.
async fn any(signals: &mut [(&'static str, Signal)]) -> &'static str {
    poll_fn(|cx| {
        let mut all = signals.iter_mut();
        let come = all.find_map(|(name, signal)| signal.poll_recv(cx).is_ready().then_some(*name));
        come.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
