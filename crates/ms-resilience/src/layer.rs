//! Both as tower layers, for clients that are services.

use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;

use crate::breaker::{CallError, CircuitBreaker};
use crate::fallback::{FallbackError, Payload};
use crate::handle::Fallback;
use crate::plan::Answer;

type Boxed<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Puts a breaker and a deadline before a service.
#[derive(Debug, Clone)]
pub struct BreakerLayer {
    breaker: CircuitBreaker,
    within: Duration,
}

impl BreakerLayer {
    /// Calls go through `breaker` and take at most `within`.
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
        // The inner call is made only when the breaker has let it.
        Box::pin(async move { breaker.call(within, async { inner.call(query).await }).await })
    }
}

/// Puts fallbacks behind a service.
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
    /// What the service cannot answer, `fallback` may.
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

/// A service with fallbacks.
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

    /// Always ready: a service that is not has failed, and that is what this is for.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Q) -> Self::Future {
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

/// The instance that was polled ready, leaving a fresh one in its place.
fn take_ready<S: Clone>(inner: &mut S) -> S {
    let fresh = inner.clone();
    std::mem::replace(inner, fresh)
}
