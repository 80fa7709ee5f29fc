//! The signals of a process, as orders.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process as os;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// SIGINT, SIGTERM, SIGQUIT, by name: stop.
    Stop(&'static str),
    /// SIGHUP.
    Hangup,
}

/// Signals whose default is the end of the process, at once and without order, and that ask
/// nothing of a service: those for users, of timers, of descriptors and of limits.
/// Not among them: those that tell of a fault of the process itself, such as SIGSEGV.
/// With SIGXFSZ passed over, a write beyond the limit fails as one to a full disk does.
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

    /// The next one that asks for something. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Asked {
        loop {
            tokio::select! {
                _ = self.terminations.recv() => return Asked::Stop("SIGTERM"),
                _ = self.interrupts.recv() => return Asked::Stop("SIGINT"),
                _ = self.quits.recv() => return Asked::Stop("SIGQUIT"),
                _ = self.hangups.recv() => return Asked::Hangup,
                name = any(&mut self.ignored) => {
                    tracing::warn!(name, "a signal without meaning here is passed over");
                }
            }
        }
    }
}

/// The name of the first of these to come. Cancel-safe.
async fn any(signals: &mut [(&'static str, Signal)]) -> &'static str {
    poll_fn(|cx| {
        let mut all = signals.iter_mut();
        let come = all.find_map(|(name, signal)| signal.poll_recv(cx).is_ready().then_some(*name));
        come.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
