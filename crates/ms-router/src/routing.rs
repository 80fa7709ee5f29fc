//! A message for all its handlers, and the one result of their answers.

use std::any::type_name;
use std::future::IntoFuture;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use ms_actor::AskError;

use crate::error::RouteError;
use crate::logic::aggregate::Aggregate;
use crate::state::Shared;

/// A message for all its handlers; see [`Router::route`](crate::Router::route).
#[must_use = "a message is routed only when its aggregation is awaited"]
#[derive(Debug)]
pub struct Routing<M> {
    shared: Arc<Shared>,
    within: Duration,
    message: M,
}

impl<M: Message + Clone + Send + 'static> Routing<M>
where
    M::Result: Send,
{
    pub(crate) fn new(shared: Arc<Shared>, within: Duration, message: M) -> Self {
        Self { shared, within, message }
    }

    /// Sets how the answers become one result: by [`First`](crate::First), [`All`](crate::All),
    /// [`AnyOk`](crate::AnyOk), [`Quorum`](crate::Quorum), [`Fold`](crate::Fold), or your own.
    pub fn aggregate<G: Aggregate<M::Result>>(self, aggregate: G) -> Aggregating<M, G> {
        Aggregating { routing: self, aggregate }
    }
}

/// A message for all its handlers and the aggregation of their answers; await it.
///
/// # Cancel safety
/// Dropped while it waits, the handlers that have not begun skip the message.
#[must_use = "a message is routed only when this is awaited"]
#[derive(Debug)]
pub struct Aggregating<M, G> {
    routing: Routing<M>,
    aggregate: G,
}

impl<M, G> Aggregating<M, G> {
    /// Sets the deadline of each recipient. All are asked at once, so it bounds the whole too.
    pub fn within(mut self, limit: Duration) -> Self {
        self.routing.within = limit;
        self
    }
}

impl<M, G> Aggregating<M, G>
where
    M: Message + Clone + Send + 'static,
    M::Result: Send,
    G: Aggregate<M::Result>,
{
    async fn run(self) -> Result<G::Output, RouteError> {
        let Self { routing: Routing { shared, within, message }, mut aggregate } = self;
        let routes = shared.table().open::<M>();
        if routes.is_empty() {
            return Err(RouteError::NoHandler { message: type_name::<M>() });
        }
        aggregate.begin(routes.len());
        // Taken as they come: a quorum need not wait for the slow handler that was asked first.
        let mut answers: FuturesUnordered<_> = routes
            .iter()
            .enumerate()
            .map(|(at, route)| {
                let answer = route.port.ask(message.clone(), within);
                async move {
                    let failed = |error: AskError<M>| {
                        RouteError::from_ask(route.actor.path(), error.into_failure())
                    };
                    (at, answer.await.map_err(failed))
                }
            })
            .collect();
        while let Some((at, answer)) = answers.next().await {
            if let ControlFlow::Break(done) = aggregate.take(at, answer) {
                return done;
            }
        }
        aggregate.finish(type_name::<M>())
    }
}

impl<M, G> IntoFuture for Aggregating<M, G>
where
    M: Message + Clone + Send + Sync + 'static,
    M::Result: Send,
    G: Aggregate<M::Result> + Send + 'static,
    G::Output: Send,
{
    type Output = Result<G::Output, RouteError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
