//! What a contender must implement, so that the same loops run on all of them.
//!
//! Actors report through statics. One process takes one sample, so these belong to that sample.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::sample::Threads;

/// Notified by the last actor of a ring.
pub(crate) static DONE: Notify = Notify::const_new();

/// The number of living actors; see [`Alive`].
static LIVE: AtomicU64 = AtomicU64::new(0);

/// Longest wait of a workload.
// Less than a sample may take, so that a workload that hangs fails with the place where it does.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(240);

/// A field of an idle actor, which counts it while it lives. It has no size.
#[derive(Debug)]
pub(crate) struct Alive(());

impl Alive {
    pub(crate) fn new() -> Self {
        // Relaxed, as nothing else is read by this count.
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits until this many idle actors are alive. It yields and does not sleep, as a timer would add its
/// grain to the measured time.
pub(crate) async fn until_alive(count: u64) {
    while LIVE.load(Ordering::Relaxed) != count {
        tokio::task::yield_now().await;
    }
}

/// Sends an answer. It does not matter if nobody waits for it any more.
pub(crate) fn answer(asker: oneshot::Sender<u64>, value: u64) {
    let _ = asker.send(value);
}

/// A library with actors. `Self` is one of its running systems.
pub(crate) trait Peer: Sized + 'static {
    /// A reference to an actor that counts its `Add` messages.
    type Counter: Clone + Send + Sync + 'static;

    /// Starts a system with this many threads, runs `work` on its main thread, and stops the system.
    fn run<T>(threads: Threads, work: impl AsyncFnOnce(&Self) -> T) -> T;

    /// Starts a counter on the thread that [`Threads`] says, under a supervisor if the library has one.
    async fn counter(&self) -> Self::Counter;

    /// Sends an `Add`. Waits only if the mailbox is full.
    fn tell(counter: &Self::Counter, n: u64) -> impl Future<Output = ()> + Send;

    /// Asks for the number of `Add`s that were handled.
    fn ask(counter: &Self::Counter) -> impl Future<Output = u64> + Send;

    /// Runs a sender as a task on the main thread, as users of the library do.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        tokio::spawn(task)
    }
}

/// Counters that pass a token on.
pub(crate) trait Ring: Peer {
    /// Sets the next counter in the ring.
    async fn link(counter: &Self::Counter, next: Self::Counter);

    /// Sends the token on `hops` more hops. The last one notifies [`DONE`]. Each hop counts as an `Add`.
    async fn hop(counter: &Self::Counter, hops: u64);
}

/// Actors that are started and stopped. Each has an [`Alive`].
pub(crate) trait Populates: Peer {
    /// Keeps an actor alive.
    type Idle;

    /// Starts an actor, under a supervisor if `supervised` and the library has one.
    async fn start(&self, supervised: bool) -> Self::Idle;

    /// Ends all actors in the way of the library: by the end of their supervisor if they have one.
    async fn stop(&self, idle: Vec<Self::Idle>, supervised: bool);
}

/// A tree of actors with ten below each. The leaves have the numbers from 0 on, and the answer of the
/// root is their sum.
pub(crate) trait Skynet: Peer {
    async fn skynet(&self, leaves: u64) -> u64;
}

/// Children that crash and are restarted. Each counts the asks that it has answered.
pub(crate) trait Supervises: Peer {
    type Child;

    /// Starts this many children under one supervisor, `one_for_all` or `one_for_one`.
    async fn family(&self, children: u64, one_for_all: bool) -> Vec<Self::Child>;

    /// Makes a child panic in a handler.
    async fn crash(&self, child: &Self::Child);

    /// Asks a child once. Returns how many asks its present incarnation has answered before, or `None`
    /// if there is no answer.
    async fn try_ask(&self, child: &Self::Child) -> Option<u64>;
}

/// Names of actors.
pub(crate) trait Names: Peer {
    /// Starts an actor for each name and registers it.
    async fn register(&self, names: &[String]);

    /// Returns a function that finds the actor of a name, makes a reference to it, and says whether
    /// there is one.
    fn lookup(&self) -> impl Fn(&str) -> bool + Send + Sync + Clone + 'static;
}

/// Messages to all actors that subscribed to their type.
pub(crate) trait Publishes: Peer {
    type Topic;

    /// Subscribes these counters.
    async fn subscribe(&self, counters: &[Self::Counter]) -> Self::Topic;

    /// Publishes an `Add`.
    async fn publish(&self, topic: &Self::Topic, n: u64);
}
