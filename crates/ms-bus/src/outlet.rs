//! The actor that empties the queue of one subscriber, one event at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, WrapFuture};
use ms_actor::{Blueprint, Context, MailboxSpec, Overflow, Ref, StateValue, WhileDown};
use ms_core::view::Tier;
use tokio::time::timeout;

use crate::links::Links;
use crate::messages::Wake;
use crate::meters::Outcome;
use crate::queue::{Queue, Taken};

/// Interval of the heartbeats of an outlet that waits for its subscriber.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);
/// Capacity of the mailbox. One wake-up is enough, but each life may leave one behind.
const MAX_WAKE_UPS: usize = 16;

/// Returns the blueprint of the outlet of a queue.
pub(crate) fn blueprint(
    queue: Arc<Queue>,
    subscriber: Option<String>,
    links: Arc<Links>,
) -> Blueprint {
    let view = Some(Outlet::view as fn(&Outlet) -> StateValue);
    let factory = move |_: &_| {
        let (queue, subscriber) = (Arc::clone(&queue), subscriber.clone());
        let links = Arc::clone(&links);
        Ok(Outlet { queue, subscriber, links, life: 0, busy: false, last: None })
    };
    Blueprint::with_view(factory, Tier::Kernel, view).mailbox(MailboxSpec {
        capacity: Some(MAX_WAKE_UPS),
        overflow: Overflow::Reject,
        while_down: WhileDown::Hold,
        keep_on_restart: true,
        // On an orderly stop the events that wait are delivered first, within the drain limit.
        drain_on_stop: true,
    })
}

/// The actor that empties the queue of one subscriber.
pub(crate) struct Outlet {
    queue: Arc<Queue>,
    subscriber: Option<String>,
    links: Arc<Links>,
    life: u64,
    /// Whether the subscriber is handling an event.
    busy: bool,
    /// While stopping: the place of the last event that is still delivered.
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

    /// Delivers the next event, and after it the following ones, until nothing waits.
    fn deliver_next(&mut self, ctx: &mut Context<Self>) {
        if ctx.stop_reason().is_some() && self.last.is_none() {
            // Without this bound a publisher that goes on would hold up the stop.
            self.last = Some(self.queue.newest());
        }
        while let Some(Taken { sub, event }) = self.queue.take(self.life, self.last) {
            if sub.ownership.is_ended() {
                self.queue.settle(self.life, Outcome::Discarded);
                continue;
            }
            self.busy = true;
            let deliver = sub.sink.deliver(event, sub.buffer.within);
            let deliver = with_heartbeats(ctx.me(), deliver).into_actor(self);
            // `wait` and not `spawn`: one event at a time keeps the order, and lets a slow
            // subscriber fill its buffer, which is what publishers feel.
            ctx.wait(deliver.map(move |outcome, this, ctx| {
                this.queue.settle(this.life, outcome);
                this.busy = false;
                if sub.ownership.is_ended() {
                    // The bus could not drop the subscription while its event was in hand.
                    this.links.unsubscribe(sub.id);
                }
                this.deliver_next(ctx);
            }));
            return;
        }
    }
}

impl Actor for Outlet {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.life = self.queue.begin();
        self.deliver_next(ctx);
    }
}

impl Handler<Wake> for Outlet {
    type Result = ();

    fn handle(&mut self, Wake: Wake, ctx: &mut Self::Context) {
        if !self.busy {
            self.deliver_next(ctx);
        }
    }
}

/// Sends heartbeats while a delivery goes on. Its deadline is the subscription's, which may be
/// longer than the time after which a silent actor is taken for hung.
async fn with_heartbeats<T>(outlet: Ref<Outlet>, deliver: impl Future<Output = T>) -> T {
    let mut deliver = pin!(deliver);
    loop {
        match timeout(HEARTBEAT_INTERVAL, &mut deliver).await {
            Ok(outcome) => return outcome,
            Err(_) => outlet.heartbeat(),
        }
    }
}

// In `drop` and not in `stopped`, so that it also happens when the outlet panics.
impl Drop for Outlet {
    fn drop(&mut self) {
        self.queue.life_ended(self.life);
    }
}
