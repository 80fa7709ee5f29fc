//! The handle that calls go through.

use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;
use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{Ref, Slot};

use super::actor::{FallbackActor, blueprint};
use super::messages::{Rescue, Succeeded};
use crate::answer::{Answer, Hops, Payload, Source};
use crate::error::{FallbackError, Unavailable};
use crate::logic::plan::FallbackStrategy;

/// Longest wait for the fallback, which may ask several alternatives with a deadline each.
const RESCUE_DEADLINE: Duration = Duration::from_secs(30);

/// A handle to a fallback. It stays valid over restarts of the fallback, and is cheap to clone.
#[derive(Debug)]
pub struct Fallback<Q: Payload + Eq + Hash, T: Payload> {
    actor: Slot<FallbackActor<Q, T>>,
    /// Keeps an actor alive that is under no supervisor.
    keep: Option<Ref<FallbackActor<Q, T>>>,
}

impl<Q: Payload + Eq + Hash, T: Payload> Clone for Fallback<Q, T> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), keep: self.keep.clone() }
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Fallback<Q, T> {
    /// Returns a handle to a running fallback.
    #[must_use]
    pub fn new(fallback: Ref<FallbackActor<Q, T>>) -> Self {
        Self { actor: Slot::of(&fallback), keep: Some(fallback) }
    }

    /// Returns a handle to a fallback that is not started, and the blueprint of its actor: give that
    /// to a supervisor, once. Until it has started, a call that fails has no fallback.
    #[must_use]
    pub fn in_tree(strategies: Vec<FallbackStrategy<Q, T>>) -> (Self, Blueprint) {
        let actor = Slot::new();
        (Self { actor: actor.clone(), keep: None }, blueprint(strategies, actor))
    }

    /// Makes a call. If it fails, the strategies of the fallback are tried in order.
    ///
    /// # Errors
    /// The error of the call, and the error of the fallback.
    pub async fn call<E>(
        &self,
        query: Q,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<Answer<T>, (E, FallbackError)> {
        match work.await {
            Ok(value) => {
                // Not waited for: if the fallback is full or down, the cache misses one answer, and
                // a call that has succeeded must not wait for that.
                if let Some(fallback) = self.actor.get() {
                    drop(fallback.try_tell(Succeeded(query, value.clone())));
                }
                Ok(Answer { value, source: Source::Primary })
            }
            Err(error) => {
                let rescue = Rescue { query, hops: Hops::START, from: 0, answer: PhantomData };
                let Some(fallback) = self.actor.get() else {
                    return Err((error, Unavailable::NotStarted.into()));
                };
                match fallback.ask(rescue).within(RESCUE_DEADLINE).await {
                    Ok(Ok(answer)) => Ok(answer),
                    Ok(Err(why)) => Err((error, why)),
                    Err(unanswered) => {
                        let path = fallback.path().clone();
                        let why = Unavailable::from_ask(path, RESCUE_DEADLINE, &unanswered);
                        Err((error, why.into()))
                    }
                }
            }
        }
    }
}
