//! The actor that empties the queue of one subscriber, one event at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, Message, WrapFuture};
use ms_actor::{Blueprint, Context, MailboxSpec, Overflow, Ref, StateValue, WhileDown};
use ms_core::view::Tier;
use tokio::time::timeout;

use crate::actor::Unsubscribe;
use crate::client::Shared;
use crate::meters::Outcome;
use crate::queue::{Queue, Turn};

/// How often an outlet that waits for its subscriber says that it is not hung.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// Wake-ups that may wait. One is enough; each life of the actor may leave one behind.
const WAKE_UPS: usize = 16;

/// How the actor of a queue is made.
pub(crate) fn blueprint(
    queue: Arc<Queue>,
    subscriber: Option<String>,
    bus: Arc<Shared>,
) -> Blueprint {
    let view = Some(Outlet::view as fn(&Outlet) -> StateValue);
    let factory = move |_: &_| {
        let (queue, subscriber) = (Arc::clone(&queue), subscriber.clone());
        Ok(Outlet { queue, subscriber, bus: Arc::clone(&bus), life: 0, busy: false, last: None })
    };
    Blueprint::with_view(factory, Tier::Kernel, view).mailbox(MailboxSpec {
        capacity: Some(WAKE_UPS),
        overflow: Overflow::Reject,
        while_down: WhileDown::Hold,
        keep_on_restart: true,
        // On an orderly stop what waits is given first, as long as there is time.
        drain_on_stop: true,
    })
}

/// The actor of one subscriber's queue.
pub(crate) struct Outlet {
    queue: Arc<Queue>,
    subscriber: Option<String>,
    bus: Arc<Shared>,
    life: u64,
    /// Whether an event is with the subscriber.
    busy: bool,
    /// On the way to a stop: the place of the last event that is still given.
    last: Option<u64>,
}

impl Outlet {
    fn view(&self) -> StateValue {
        StateValue::map([
            ("subscriber", StateValue::from(self.subscriber.as_deref())),
            ("waiting", self.queue.len().into()),
            ("busy", self.busy.into()),
        ])
    }

    /// Gives the next event, and the one after it when that is done, until nothing waits.
    fn give(&mut self, ctx: &mut Context<Self>) {
        if ctx.stop_reason().is_some() && self.last.is_none() {
            // A publisher that goes on must not hold up the stop.
            self.last = Some(self.queue.newest());
        }
        while let Some(Turn { seat, event }) = self.queue.take(self.life, self.last) {
            if seat.tenure.is_ended() {
                self.queue.settle(self.life, Outcome::Discarded);
                continue;
            }
            self.busy = true;
            let deliver = seat.sink.deliver(event, seat.buffer.within);
            let deliver = beating(ctx.me(), deliver).into_actor(self);
            // No other event meanwhile: that is the order, and the pressure on who publishes.
            ctx.wait(deliver.map(move |outcome, this, ctx| {
                this.queue.settle(this.life, outcome);
                this.busy = false;
                if seat.tenure.is_ended() {
                    this.tell_bus(seat.id);
                }
                this.give(ctx);
            }));
            return;
        }
    }

    /// A subscription has ended while its event was with the subscriber: now the bus can close
    /// its accounts. A bus that is too busy to hear of it looks with its next change.
    fn tell_bus(&self, id: u64) {
        if let Some(bus) = self.bus.actor() {
            drop(bus.try_tell(Unsubscribe(id)));
        }
    }
}

impl Actor for Outlet {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.life = self.queue.begin();
        self.give(ctx);
    }
}

/// Something waits in the queue.
pub(crate) struct Wake;

impl Message for Wake {
    type Result = ();
}

impl Handler<Wake> for Outlet {
    type Result = ();

    fn handle(&mut self, Wake: Wake, ctx: &mut Self::Context) {
        if !self.busy {
            self.give(ctx);
        }
    }
}

/// Beats while it delivers: that has a deadline of its own, which a subscription may set longer
/// than an actor may be silent.
async fn beating<T>(outlet: Ref<Outlet>, deliver: impl Future<Output = T>) -> T {
    let mut deliver = pin!(deliver);
    loop {
        match timeout(BEAT_EVERY, &mut deliver).await {
            Ok(outcome) => return outcome,
            Err(_) => outlet.heartbeat(),
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.queue.life_ended(self.life);
    }
}
