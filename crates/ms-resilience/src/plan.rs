//! What a fallback decides; pure.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use ms_actor::Port;
use ms_core::Tick;

use crate::fallback::Alternative;

/// Most answers kept for later.
pub const MAX_CACHED: usize = 1_024;

/// How many more services may be asked in one's stead: what ends a loop of alternatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hops(u8);

impl Hops {
    /// Of a call that begins here.
    pub const START: Self = Self(3);

    /// One less; `None` when there are none.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

/// What to do when a call has no answer. Tried in the order given.
#[derive(Debug, Clone)]
pub enum FallbackStrategy<Q: Send + 'static, T: Send + 'static> {
    /// The last good answer to the same query, if it is not older than `ttl`.
    Cache {
        /// Its longest age.
        ttl: Duration,
    },
    /// Always this.
    Default {
        /// The answer.
        value: T,
    },
    /// Another service's answer.
    Alternative {
        /// The service.
        service: Port<Alternative<Q, T>>,
    },
    /// No answer; these features are off until a call goes well again.
    Degrade {
        /// Their names.
        features: Vec<String>,
    },
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From who was asked.
    Primary,
    /// From the cache; it is this old, so it may be stale.
    Stale {
        /// Its age.
        age: Duration,
    },
    /// The default.
    Default,
    /// From an alternative service.
    Alternative,
}

/// An answer that says where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

/// The next step to an answer; `Ask` says where to go on should the service fail.
#[derive(Debug)]
pub(crate) enum Step<Q: Send + 'static, T: Send + 'static> {
    Give(Answer<T>),
    Ask(Port<Alternative<Q, T>>, usize),
    Degrade,
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Plan<Q: Send + 'static, T: Send + 'static> {
    strategies: Vec<FallbackStrategy<Q, T>>,
    cache: HashMap<Q, (T, Tick)>,
    off: BTreeSet<String>,
}

impl<Q: Clone + Eq + Hash + Send, T: Clone + Send> Plan<Q, T> {
    pub(crate) fn new(strategies: Vec<FallbackStrategy<Q, T>>) -> Self {
        Self { strategies, cache: HashMap::new(), off: BTreeSet::new() }
    }

    /// A call went well. Says whether features were off until now.
    pub(crate) fn went_well(&mut self, query: Q, value: T, now: Tick) -> bool {
        let keeps = |strategy: &_| matches!(strategy, FallbackStrategy::Cache { .. });
        if self.strategies.iter().any(keeps) {
            if self.cache.len() >= MAX_CACHED && !self.cache.contains_key(&query) {
                let oldest = self.cache.iter().min_by_key(|(_, (_, at))| *at);
                if let Some(oldest) = oldest.map(|(query, _)| query.clone()) {
                    self.cache.remove(&oldest);
                }
            }
            self.cache.insert(query, (value, now));
        }
        let were_off = !self.off.is_empty();
        self.off.clear();
        were_off
    }

    /// The first strategy at or after `from` that has something to say.
    pub(crate) fn next(&mut self, query: &Q, from: usize, now: Tick) -> Step<Q, T> {
        for (index, strategy) in self.strategies.iter().enumerate().skip(from) {
            match strategy {
                FallbackStrategy::Cache { ttl } => {
                    let Some((value, at)) = self.cache.get(query) else { continue };
                    let age = now.since(*at);
                    if age <= *ttl {
                        let (value, source) = (value.clone(), Source::Stale { age });
                        return Step::Give(Answer { value, source });
                    }
                }
                FallbackStrategy::Default { value } => {
                    return Step::Give(Answer { value: value.clone(), source: Source::Default });
                }
                FallbackStrategy::Alternative { service } => {
                    return Step::Ask(service.clone(), index + 1);
                }
                FallbackStrategy::Degrade { features } => {
                    self.off.extend(features.iter().cloned());
                    return Step::Degrade;
                }
            }
        }
        Step::Nothing
    }

    /// Features that are off, sorted.
    pub(crate) fn off(&self) -> Vec<String> {
        self.off.iter().cloned().collect()
    }

    pub(crate) fn cached(&self) -> usize {
        self.cache.len()
    }
}
