//! Answers that name their source, and the limit of a chain of alternatives.

use std::time::Duration;

/// The bounds of queries and answers. Every type that fulfils them implements it.
// `Unpin`, because actix requires it of an actor, and the actor of a fallback keeps queries and
// answers in its cache.
pub trait Payload: Clone + Send + Sync + Unpin + 'static {}
impl<V: Clone + Send + Sync + Unpin + 'static> Payload for V {}

/// The number of further services that may be asked in place of another. It ends a circle of
/// alternatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hops(u8);

impl Hops {
    /// The hops of a call that begins here.
    pub const START: Self = Self(3);

    /// Returns one hop less, or `None` when there are none left.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

/// The source of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The service that was asked.
    Primary,
    /// The cache. The answer may be stale.
    Stale {
        /// The age of the answer.
        age: Duration,
    },
    /// The default.
    Default,
    /// An alternative service.
    Alternative,
}

/// An answer and its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// Its source.
    pub source: Source,
}
