//! Ctrl-C ends the process with 130, whatever it waits for.

use std::sync::mpsc;
use std::{io, thread};

use tokio::signal::unix::{SignalKind, signal};

use crate::exit::INTERRUPTED;

/// Watches for Ctrl-C on a thread of its own, because the main one may be inside
/// a blocking write or read. Returns once it watches; where it cannot, the
/// signal's default stays, which a shell reports as 130, too.
pub(crate) fn exit_on_ctrl_c() {
    let (watching, ready) = mpsc::channel();
    thread::spawn(move || watch(&watching));
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
