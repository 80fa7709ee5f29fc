//! The messages of a fallback.

use std::marker::PhantomData;

use actix::Message;
use ms_actor::Port;

use crate::answer::{Answer, Hops};
use crate::error::{FallbackError, TooManyWatchers};

/// Asks a service in place of another one.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<T, FallbackError>")]
pub struct Alternative<Q: Send + 'static, T: Send + 'static> {
    /// The query.
    pub query: Q,
    /// The number of further services that may be asked.
    pub hops: Hops,
    answer: PhantomData<fn() -> T>,
}

impl<Q: Send + 'static, T: Send + 'static> Alternative<Q, T> {
    /// Returns the message for a query with this many hops left.
    #[must_use]
    pub fn new(query: Q, hops: Hops) -> Self {
        Self { query, hops, answer: PhantomData }
    }
}

/// Notifies a watcher that features were switched off, or that all came back.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct DegradedChanged {
    /// The names of the features that are off now; empty when none is.
    pub features: Vec<String>,
}

/// Adds a watcher, which gets a [`DegradedChanged`] with the present state at once and then one
/// after each change. A watcher whose mailbox is full gets the latest state when it has room. A
/// fallback that restarts keeps its watchers, and notifies them that no feature is off.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), TooManyWatchers>")]
pub struct WatchDegraded(pub Port<DegradedChanged>);

/// Asks for the names of the features that are off.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<String>")]
pub struct GetDegraded;

/// Reports a call that succeeded, with its query and answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Succeeded<Q, T>(pub(crate) Q, pub(crate) T);

/// Asks for an answer to a call that failed.
#[derive(Message)]
#[rtype(result = "Result<Answer<T>, FallbackError>")]
pub(crate) struct Rescue<Q: Send + 'static, T: Send + 'static> {
    pub(crate) query: Q,
    pub(crate) hops: Hops,
    /// Index of the first strategy to try.
    pub(crate) from: usize,
    pub(crate) answer: PhantomData<fn() -> T>,
}
