//! Ctrl-C ends the process with 130, whatever it is waiting for.

use std::sync::mpsc;
use std::{io, thread};

use tokio::signal::unix::{SignalKind, signal};

use crate::exit::INTERRUPTED;

/// Watches for Ctrl-C on a thread of its own.
///
/// The main thread may be inside a blocking read or write, where no future is polled.
/// Returns once the watch is on. Where it cannot be set up, the signal keeps its default
/// effect, which a shell reports as 130, too.
pub(crate) fn exit_on_ctrl_c() {
    let (watching, ready) = mpsc::channel();
    thread::spawn(move || watch(&watching));
    // An error means that the thread has given up already; the default effect is good enough.
    let _ = ready.recv();
}

#[allow(clippy::disallowed_methods, reason = "a blocked write cannot be unwound; ours is a binary")]
fn watch(watching: &mpsc::Sender<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let _ = watching.send(());
        interrupts.recv().await;
        std::process::exit(INTERRUPTED.into())
    })
}
