//! The ids of events in the log. Their content may be confidential, and is never written.

use std::fmt;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, WrapFuture};
use ms_actor::{Context, Overflow, StateValue};

use crate::event::AnyEvent;
use crate::handle::BusClient;
use crate::logic::rate_limit::RateLimit;
use crate::subject::Filter;
use crate::subscription::Subscription;

/// Number of events that may wait to be written; of more, the oldest are dropped.
const BUFFER: usize = 256;

/// The actor that writes the ids, subjects and producers of events to the log; see
/// [`EventBus::log`](crate::EventBus::log).
///
/// Above its rate it writes nothing, and the next line has the number of those left out.
pub(crate) struct LogActor {
    bus: BusClient,
    filter: Filter,
    limit: RateLimit,
    written: u64,
    // Never read, only held: the subscription ends with its handle.
    subscription: Option<Subscription>,
}

impl LogActor {
    pub(crate) fn new(bus: BusClient, filter: Filter, per_second: u32) -> Self {
        let limit = RateLimit::new(per_second, Duration::from_secs(1));
        Self { bus, filter, limit, written: 0, subscription: None }
    }

    pub(crate) fn view(&self) -> StateValue {
        StateValue::map([
            ("filter", StateValue::from(self.filter.as_str())),
            ("written", self.written.into()),
        ])
    }
}

impl Actor for LogActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let subscribe = self.bus.subscribe_any(ctx.me().port());
        let subscribe = subscribe.to(self.filter.as_str()).buffer(BUFFER, Overflow::DropOldest);
        let subscribe = async move { subscribe.await }.into_actor(self);
        ctx.wait(subscribe.map(|subscribed, this, ctx| match subscribed {
            Ok(subscription) => this.subscription = Some(subscription),
            Err(error) => ctx.fail(error),
        }));
    }
}

impl Handler<AnyEvent> for LogActor {
    type Result = ();

    fn handle(&mut self, event: AnyEvent, ctx: &mut Self::Context) {
        let Some(left_out) = self.limit.admit(ctx.node().now()) else { return };
        self.written += 1;
        let header = &event.header;
        tracing::info!(
            target: "ms_bus::log",
            id = %header.id,
            subject = %header.subject,
            producer = &*header.producer,
            sequence = header.sequence,
            cause = header.cause.map(tracing::field::display),
            left_out = (left_out > 0).then_some(left_out),
            "event"
        );
    }
}

impl fmt::Debug for LogActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogActor").field("filter", &self.filter).finish_non_exhaustive()
    }
}
