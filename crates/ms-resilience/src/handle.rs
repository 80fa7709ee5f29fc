//! The handle of a fallback: what calls go through.

use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

use ms_actor::Ref;
use ms_actor::host::Blueprint;

use crate::fallback::{FallbackActor, FallbackError, Payload, Rescue, WentWell, blueprint};
use crate::plan::{Answer, FallbackStrategy, Hops, Source};
use crate::slot::Slot;

/// Longest wait for the fallback: all its alternatives, each in its own time.
const RESCUE_WITHIN: Duration = Duration::from_secs(30);

/// The way to an answer, one way or another. Cheap to clone.
#[derive(Debug)]
pub struct Fallback<Q: Payload + Eq + Hash, T: Payload>(Slot<FallbackActor<Q, T>>);

impl<Q: Payload + Eq + Hash, T: Payload> Clone for Fallback<Q, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Fallback<Q, T> {
    /// With this fallback.
    #[must_use]
    pub fn new(fallback: Ref<FallbackActor<Q, T>>) -> Self {
        Self(Slot::filled(fallback))
    }

    /// With a fallback that is not there yet, and how its actor is made: give that to a
    /// supervisor, once. Until it has started, a call that fails has no fallback.
    #[must_use]
    pub fn in_tree(strategies: Vec<FallbackStrategy<Q, T>>) -> (Self, Blueprint) {
        let slot = Slot::empty();
        (Self(slot.clone()), blueprint(strategies, slot))
    }

    /// Makes a call; should it fail, its strategies are tried in order.
    ///
    /// # Errors
    /// The call's own error, and why no strategy helped.
    pub async fn call<E>(
        &self,
        query: Q,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<Answer<T>, (E, FallbackError)> {
        match work.await {
            Ok(value) => {
                // Full or down: one answer less to fall back on.
                if let Some(fallback) = self.0.get() {
                    drop(fallback.try_tell(WentWell(query, value.clone())));
                }
                Ok(Answer { value, source: Source::Primary })
            }
            Err(error) => {
                let answer = std::marker::PhantomData;
                let rescue = Rescue { query, hops: Hops::START, from: 0, answer };
                let Some(fallback) = self.0.get() else {
                    return Err((error, FallbackError::NotThere("it has not started".to_owned())));
                };
                match fallback.ask(rescue).within(RESCUE_WITHIN).await {
                    Ok(Ok(answer)) => Ok(answer),
                    Ok(Err(why)) => Err((error, why)),
                    Err(down) => Err((error, FallbackError::NotThere(down.to_string()))),
                }
            }
        }
    }
}
