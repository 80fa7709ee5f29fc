//! The virtual clock: one thread, and time that passes only when nothing else can happen.

use std::time::Duration;

use actix::System;
use ms_core::time::later;
use tokio::time::Instant;

/// Between two looks of [`until_seen`]: short beside anything it waits for, and long enough to leave
/// the processor to what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Runs a future on an actix system of its own, on this thread, with a paused clock.
///
/// A sleep costs nothing: when no task can run, the clock jumps to the next deadline.
///
/// # Panics
/// When a runtime runs on this thread already, or cannot be built.
#[allow(
    clippy::expect_used,
    reason = "a current-thread runtime without I/O needs nothing that can fail"
)]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime for one thread")
    };
    System::with_tokio_rt(runtime).block_on(future)
}

/// Lets virtual time pass: everything due meanwhile happens, in order.
pub async fn advance(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Waits until nothing can happen without time passing. Costs one virtual millisecond.
pub async fn settle() {
    advance(Duration::from_millis(1)).await;
}

/// Looks again and again in real time, on a thread that may block, until there is something to
/// see: for tests of processes, sockets and files, which tell nobody when they change.
///
/// # Panics
/// When there was nothing `within` that time: with `what` was waited for, in words.
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

/// Waits until `holds`, looking after each virtual millisecond. False when it does not
/// `within` that time.
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
