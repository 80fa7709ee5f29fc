//! The virtual clock: one thread, on which time passes only when nothing else can happen.

use std::time::Duration;

use actix::System;
use ms_core::time::later;
use tokio::time::Instant;

/// Time between two looks of [`until_seen`]: short compared with everything it waits for, and long
/// enough to leave the processor to it.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Runs a future on an actix system of its own, on this thread, with a paused clock.
///
/// A sleep costs no real time: when no task can run, the clock jumps to the next deadline.
///
/// # Panics
/// If a runtime runs on this thread already, or cannot be built.
#[allow(
    clippy::expect_used,
    reason = "a current-thread runtime without I/O needs nothing that can fail"
)]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = || {
        // No I/O driver: a socket becomes ready in real time, and the paused clock would jump past all
        // timers while a test waits for it.
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime for one thread")
    };
    System::with_tokio_rt(runtime).block_on(future)
}

/// Lets virtual time pass. Everything that is due in that time happens, in order.
pub async fn advance(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Runs until nothing can happen unless time passes. Takes one virtual millisecond.
pub async fn settle() {
    advance(Duration::from_millis(1)).await;
}

/// Calls `look` in real time until it returns something, on a thread that may block. For tests of
/// processes, sockets and files, which notify nobody when they change.
///
/// # Panics
/// If there is nothing `within` that time. The message has what `what` returns.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "the thread of a test, which carries no actor")]
pub fn until_seen<T>(
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
    what: impl FnOnce() -> String,
) -> T {
    let end = later(std::time::Instant::now(), within);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        if std::time::Instant::now() >= end {
            panic!("not within {within:?}: {}", what());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until `holds` returns true, and calls it after each virtual millisecond. Returns false if it
/// does not hold `within` that time.
pub async fn until(within: Duration, mut holds: impl AsyncFnMut() -> bool) -> bool {
    let deadline = later(Instant::now(), within);
    loop {
        if holds().await {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        settle().await;
    }
}
