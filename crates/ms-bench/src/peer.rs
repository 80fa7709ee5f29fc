//! What the workloads ask of a contender: the same loops run on all of them.
//!
//! One process takes one sample, so what actors report through statics is that sample's own.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::sample::Threads;

/// Told by the last actor of a ring.
pub(crate) static DONE: Notify = Notify::const_new();

/// Actors that are alive; see [`Alive`].
static LIVE: AtomicU64 = AtomicU64::new(0);

/// Longest wait for anything a workload waits for.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(240);

/// A part of an idle actor: counts it while it lives. Takes no room.
#[derive(Debug)]
pub(crate) struct Alive(());

impl Alive {
    pub(crate) fn new() -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits, without sleeping, until so many idle actors are alive.
pub(crate) async fn until_alive(count: u64) {
    while LIVE.load(Ordering::Relaxed) != count {
        tokio::task::yield_now().await;
    }
}

/// Answers; that nobody waits any more is no loss.
pub(crate) fn answer(asker: oneshot::Sender<u64>, value: u64) {
    let _ = asker.send(value);
}

/// A library with actors. `Self` is a running system of it.
pub(crate) trait Peer: Sized + 'static {
    /// A reference to an actor that counts the `Add`s it gets.
    type Counter: Clone + Send + Sync + 'static;

    /// Starts a system with this many threads, does the work on its main thread, stops it.
    fn run<T>(threads: Threads, work: impl AsyncFnOnce(&Self) -> T) -> T;

    /// Starts a counter where [`Threads`] says, under a supervisor if the library has any.
    async fn counter(&self) -> Self::Counter;

    /// Sends an `Add`; waits only if the library's mailbox is full.
    fn tell(counter: &Self::Counter, n: u64) -> impl Future<Output = ()> + Send;

    /// Asks how many `Add`s were handled.
    fn ask(counter: &Self::Counter) -> impl Future<Output = u64> + Send;

    /// Runs a sender as a task of the main thread, as the library's users do.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        tokio::spawn(task)
    }
}

/// Counters that pass a token on.
pub(crate) trait Ring: Peer {
    /// Names the next in the ring.
    async fn link(counter: &Self::Counter, next: Self::Counter);

    /// Sends the token on `hops` more hops; the last one tells [`DONE`]. Each hop is
    /// counted as an `Add`.
    async fn hop(counter: &Self::Counter, hops: u64);
}

/// Actors that are started and stopped, each with an [`Alive`] inside.
pub(crate) trait Populates: Peer {
    /// What keeps one alive.
    type Idle;

    /// Starts one, under a supervisor if that is asked for and the library has any.
    async fn start(&self, supervised: bool) -> Self::Idle;

    /// Has all end in the library's own way: by their supervisor's end if they have one.
    async fn stop(&self, idle: Vec<Self::Idle>, supervised: bool);
}

/// A tree of actors, ten below each, whose leaves have the numbers from 0 on; the root's
/// answer is their sum.
pub(crate) trait Skynet: Peer {
    async fn skynet(&self, leaves: u64) -> u64;
}

/// Children that crash and are started again. Each counts the asks it has answered.
pub(crate) trait Supervises: Peer {
    type Child;

    /// Starts so many under one supervisor: `one_for_all` or `one_for_one`.
    async fn family(&self, children: u64, one_for_all: bool) -> Vec<Self::Child>;

    /// Has it panic in a handler.
    async fn crash(&self, child: &Self::Child);

    /// Asks once: how many asks its present incarnation has answered before this one, or
    /// `None` when there was no answer.
    async fn try_ask(&self, child: &Self::Child) -> Option<u64>;
}

/// Names of actors.
pub(crate) trait Names: Peer {
    /// Starts an actor for each name and registers it.
    async fn register(&self, names: &[String]);

    /// Finds the actor of a name and makes a reference to it; whether there is one.
    fn lookup(&self) -> impl Fn(&str) -> bool + Send + Sync + Clone + 'static;
}

/// Messages to all who take their type, without naming them.
pub(crate) trait Publishes: Peer {
    type Topic;

    /// Has these counters get what is published.
    async fn subscribe(&self, counters: &[Self::Counter]) -> Self::Topic;

    /// Publishes an `Add`.
    async fn publish(&self, topic: &Self::Topic, n: u64);
}
