//! The decisions of a fallback: which strategy answers, and which features are off. Pure.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use ms_actor::Port;
use ms_core::Tick;

use crate::answer::{Answer, Source};
use crate::fallback::Alternative;

/// Largest number of answers in the cache.
pub const MAX_CACHED: usize = 1_024;

/// A way to an answer when a call has none. Strategies are tried in the order given.
#[derive(Debug, Clone)]
pub enum FallbackStrategy<Q: Send + 'static, T: Send + 'static> {
    /// Returns the last good answer to the same query.
    Cache {
        /// The longest age of that answer.
        ttl: Duration,
    },
    /// Returns a fixed answer.
    Default {
        /// The answer.
        value: T,
    },
    /// Asks another service.
    Alternative {
        /// The service.
        service: Port<Alternative<Q, T>>,
    },
    /// Switches features off until a call succeeds, and returns no answer.
    Degrade {
        /// The names of the features.
        features: Vec<String>,
    },
}

/// The next step to an answer.
#[derive(Debug)]
pub(crate) enum Step<Q: Send + 'static, T: Send + 'static> {
    /// Return this answer.
    Give(Answer<T>),
    /// Ask this service. If it fails, go on with the strategy at this index.
    Ask(Port<Alternative<Q, T>>, usize),
    /// Return no answer; features are off.
    Degrade,
    /// Return no answer.
    Nothing,
}

/// The strategies of a fallback, with the cache and the features that are off.
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

    /// Takes note of a call that succeeded. Returns whether features were off until now.
    pub(crate) fn succeeded(&mut self, query: Q, value: T, now: Tick) -> bool {
        let keeps = |strategy: &_| matches!(strategy, FallbackStrategy::Cache { .. });
        if self.strategies.iter().any(keeps) {
            // Linear in the cache, and only when it is full with other queries: an index by age
            // would cost every call.
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

    /// Returns the step of the first strategy at or after `from` that applies.
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

    /// Returns the features that are off, sorted.
    pub(crate) fn off(&self) -> Vec<String> {
        self.off.iter().cloned().collect()
    }

    /// Returns the number of cached answers.
    pub(crate) fn cached(&self) -> usize {
        self.cache.len()
    }
}
