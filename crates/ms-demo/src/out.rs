//! The only way to the terminal.
//!
//! What is written while the tree runs goes through a thread of its own, which a
//! stopped terminal or a full pipe may block: the supervisors never wait for it.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Frames that may wait for a slow terminal; further ones are left out.
const MAX_WAITING: usize = 8;

/// Writes to standard output, and flushes it.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes to standard error; a failure of that could not be reported anywhere.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// The stream that a printer writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// A thread that writes queued texts.
#[derive(Debug)]
pub(crate) struct Printer {
    lines: Option<SyncSender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Printer {
    pub(crate) fn start(to: Stream) -> Self {
        let (lines, waiting) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("printer".into())
            .spawn(move || write_all(&waiting, to))
            .ok();
        Self { lines: Some(lines), thread }
    }

    /// Queues a text. Never waits: a text that does not fit is left out.
    pub(crate) fn say(&self, text: String) {
        if let Some(lines) = &self.lines {
            // A terminal that does not keep up sees the next frame.
            let _ = lines.try_send(text);
        }
    }

    /// Waits until everything is written, as long as it is being read at all.
    #[allow(clippy::disallowed_methods, reason = "the tree has ended; this is the main thread")]
    pub(crate) fn finish(mut self) {
        self.lines = None;
        let Some(thread) = self.thread.take() else { return };
        // With a limit: a pager that nobody reads on must not keep the process alive.
        for _ in 0..100 {
            if thread.is_finished() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

fn write_all(lines: &Receiver<String>, to: Stream) {
    for text in lines {
        let written = match to {
            Stream::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
            }
            Stream::Stderr => io::stderr().lock().write_all(text.as_bytes()),
        };
        if written.is_err() {
            return;
        }
    }
}
