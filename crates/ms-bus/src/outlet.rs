//! The actor of one subscription: its mailbox is the buffer, and it gives one event at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, Message, WrapFuture};
use ms_actor::{Blueprint, Context, MailboxSpec, Overflow, StateValue, WhileDown};
use ms_core::view::Tier;

use crate::meters::{Meters, Outcome};
use crate::payload::AnyEvent;
use crate::sink::Sink;
use crate::subject::Filter;

/// How a subscription's buffer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffer {
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
    pub(crate) within: Duration,
}

/// Whether a subscription is still wanted, and which handle may end it.
#[derive(Debug, Default)]
pub(crate) struct Tenure {
    ended: AtomicBool,
    holder: AtomicU64,
}

impl Tenure {
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// The number of a new handle, which takes over from those before it.
    pub(crate) fn take_over(&self) -> u64 {
        self.holder.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) fn is_held_by(&self, holder: u64) -> bool {
        self.holder.load(Ordering::Acquire) == holder
    }
}

/// What an outlet is made of, life after life.
#[derive(Clone)]
pub(crate) struct OutletSpec {
    pub(crate) filter: Filter,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) buffer: Buffer,
    pub(crate) meters: Arc<Meters>,
    pub(crate) tenure: Arc<Tenure>,
}

impl OutletSpec {
    pub(crate) fn blueprint(&self) -> Blueprint {
        let spec = self.clone();
        let view = Some(Outlet::view as fn(&Outlet) -> StateValue);
        Blueprint::with_view(move |_| Ok(Outlet(spec.clone())), Tier::Kernel, view).mailbox(
            MailboxSpec {
                capacity: Some(self.buffer.capacity.max(1)),
                overflow: self.buffer.overflow,
                while_down: WhileDown::Hold,
                keep_on_restart: true,
                drain_on_stop: true,
            },
        )
    }
}

/// The actor of one subscription.
pub(crate) struct Outlet(OutletSpec);

impl Outlet {
    fn view(&self) -> StateValue {
        let subscriber = self.0.sink.actor().map(|actor| actor.path().to_string());
        StateValue::map([
            ("filter", StateValue::from(self.0.filter.as_str())),
            ("subscriber", subscriber.into()),
            ("takes", self.0.sink.takes().into()),
            ("capacity", self.0.buffer.capacity.into()),
            ("overflow", self.0.buffer.overflow.as_str().into()),
        ])
    }
}

impl Actor for Outlet {
    type Context = Context<Self>;
}

/// An event for a subscription.
pub(crate) struct Offer(pub(crate) AnyEvent);

impl Message for Offer {
    type Result = ();
}

impl Handler<Offer> for Outlet {
    type Result = ();

    fn handle(&mut self, Offer(event): Offer, ctx: &mut Self::Context) {
        let OutletSpec { sink, buffer, meters, tenure, .. } = &self.0;
        if tenure.is_ended() {
            return meters.settle(Outcome::Discarded);
        }
        meters.in_hand.store(1, Ordering::Relaxed);
        let deliver = sink.deliver(event, buffer.within).into_actor(self);
        // No other event meanwhile: that is the order, and the pressure on who publishes.
        ctx.wait(deliver.map(|outcome, this, _| this.0.meters.settle(outcome)));
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.0.meters.life_ended();
    }
}
