//! Looking a little longer before going to sleep.
//!
//! What costs between two threads is not the message but waking the other one: a thread that sleeps
//! on an idle core takes ten to twenty microseconds to come back, a hundred times what the message
//! takes. A thread that has just exchanged something with another one, for the second time within
//! [`NodeConfig::spin`], keeps its event loop turning for as long, and finds what comes at once.
//!
//! It is one task that yields until the time is up. Every turn of it goes through
//! the whole event loop, so timers, I/O and neighbours are served as ever; after the
//! first two microseconds it also gives the core to any other thread that wants it.
//! Threads that exchange things seldom, or not at all, sleep as they always did.
//!
//! [`NodeConfig::spin`]: crate::NodeConfig::spin

use ms_core::time::later;
use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::node::here;

/// An answer from a thread that is at work comes within this time; giving the core away
/// takes longer only if another thread has taken it.
const BUSY_ANSWER: Duration = Duration::from_micros(2);

#[derive(Clone, Copy)]
struct Spin {
    /// How long; zero never spins.
    window: Duration,
    /// The last exchange with another thread.
    last: Option<Instant>,
    until: Option<Instant>,
    on: bool,
}

thread_local! {
    static SPIN: Cell<Spin> =
        const { Cell::new(Spin { window: Duration::ZERO, last: None, until: None, on: false }) };
}

/// Sets for how long this thread may spin after an exchange; zero never.
pub(crate) fn allow(window: Duration) {
    SPIN.set(Spin { window, last: None, until: None, on: false });
}

/// Notes that this thread has given something to another one, or got something.
pub(crate) fn exchanged() {
    let mut spin = SPIN.get();
    if spin.window.is_zero() {
        return;
    }
    let now = Instant::now();
    let lively = spin.last.is_some_and(|last| now.duration_since(last) < spin.window);
    spin.last = Some(now);
    let mut begins = false;
    if lively {
        spin.until = Some(later(now, spin.window));
        // A thread may see one system after another; a task needs one that lives.
        begins = !spin.on && here::slot().is_some_and(|slot| slot.alive());
        spin.on |= begins;
    }
    SPIN.set(spin);
    if begins {
        // Not as a local task: whoever exchanges need not run inside of the arbiter's set of them.
        match tokio::runtime::Handle::try_current() {
            Ok(here) => drop(here.spawn(turn_until_quiet())),
            Err(_) => SPIN.set(Spin { on: false, ..SPIN.get() }),
        }
    }
}

async fn turn_until_quiet() {
    let _on = On;
    // Whether another thread wants this core: then it gets it first.
    let mut shared = false;
    loop {
        let spin = SPIN.get();
        let (now, Some(last), Some(until)) = (Instant::now(), spin.last, spin.until) else {
            return;
        };
        if now >= until {
            return;
        }
        if shared || now.duration_since(last) > BUSY_ANSWER {
            std::thread::yield_now();
            shared = now.elapsed() > BUSY_ANSWER;
        }
        // Through the event loop: timers and I/O are looked at.
        tokio::task::yield_now().await;
    }
}

/// Notes that the task is gone, in whatever way.
struct On;

impl Drop for On {
    fn drop(&mut self) {
        // At the end of a thread there is nothing left to note.
        let _gone = SPIN.try_with(|spin| spin.set(Spin { on: false, ..spin.get() }));
    }
}
