//! Breakers and fallbacks as tower layers.

use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;

use crate::answer::{Answer, Payload};
use crate::breaker::CircuitBreaker;
use crate::error::{CallError, FallbackError};
use crate::fallback::Fallback;

type Boxed<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// A layer that puts a breaker and a deadline before a service.
#[derive(Debug, Clone)]
pub struct BreakerLayer {
    breaker: CircuitBreaker,
    within: Duration,
}

impl BreakerLayer {
    /// Returns a layer whose calls go through `breaker` and take at most `within`.
    #[must_use]
    pub fn new(breaker: CircuitBreaker, within: Duration) -> Self {
        Self { breaker, within }
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = BreakerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BreakerService { inner, layer: self.clone() }
    }
}

/// A service behind a breaker.
#[derive(Debug, Clone)]
pub struct BreakerService<S> {
    inner: S,
    layer: BreakerLayer,
}

impl<S, Q> Service<Q> for BreakerService<S>
where
    S: Service<Q> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    Q: Send + 'static,
{
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = Boxed<Self::Response, Self::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::Failed)
    }

    fn call(&mut self, query: Q) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        let BreakerLayer { breaker, within } = self.layer.clone();
        // Within an async block, because a tower service may begin its work in `call` itself, and
        // that must wait for the permission of the breaker.
        Box::pin(async move { breaker.call(within, async { inner.call(query).await }).await })
    }
}

/// A layer that puts a fallback behind a service.
#[derive(Debug, Clone)]
pub struct FallbackLayer<Q, T>(Fallback<Q, T>)
where
    Q: Payload + Eq + Hash,
    T: Payload;

impl<Q, T> FallbackLayer<Q, T>
where
    Q: Payload + Eq + Hash,
    T: Payload,
{
    /// Returns a layer that asks `fallback` when the service fails.
    #[must_use]
    pub fn new(fallback: Fallback<Q, T>) -> Self {
        Self(fallback)
    }
}

impl<S, Q, T> Layer<S> for FallbackLayer<Q, T>
where
    Q: Payload + Eq + Hash,
    T: Payload,
{
    type Service = FallbackService<S, Q, T>;

    fn layer(&self, inner: S) -> Self::Service {
        FallbackService { inner, fallback: self.0.clone() }
    }
}

/// A service with a fallback.
#[derive(Debug, Clone)]
pub struct FallbackService<S, Q, T>
where
    Q: Payload + Eq + Hash,
    T: Payload,
{
    inner: S,
    fallback: Fallback<Q, T>,
}

impl<S, Q, T> Service<Q> for FallbackService<S, Q, T>
where
    S: Service<Q, Response = T> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    Q: Payload + Eq + Hash,
    T: Payload,
{
    type Response = Answer<T>;
    type Error = (S::Error, FallbackError);
    type Future = Boxed<Self::Response, Self::Error>;

    // Always ready: when the inner service cannot become ready, the call is to reach the fallback.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Q) -> Self::Future {
        // Without `take_ready`: the clone is polled ready in the call itself.
        let (mut inner, fallback) = (self.inner.clone(), self.fallback.clone());
        Box::pin(async move {
            let asked = query.clone();
            let work = async {
                std::future::poll_fn(|cx| inner.poll_ready(cx)).await?;
                inner.call(asked).await
            };
            fallback.call(query, work).await
        })
    }
}

/// Takes the instance that was polled ready, and leaves a fresh clone in its place: only that very
/// instance may be called.
fn take_ready<S: Clone>(inner: &mut S) -> S {
    let fresh = inner.clone();
    std::mem::replace(inner, fresh)
}
