//! The bus actor: it owns the table of subscriptions, and who is told what. Events do not pass
//! through it.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, AtomicResponse, Handler, Message, WrapFuture};
use ms_actor::{AnyRef, Context, LifeChange, LifeNews, Ref, StateValue};
use ms_core::ExitReason;
use ms_supervisor::{DynamicChild, SupervisorRef};

use crate::client::Shared;
use crate::error::SubscribeError;
use crate::outlet::{Buffer, Outlet, OutletSpec};
use crate::partition::member_hash;
use crate::sink::Sink;
use crate::subject::Filter;
use crate::subscribe::Held;
use crate::table::{Group, Sub, Table};

/// Longest start or stop of a buffer.
const OUTLET_WITHIN: Duration = Duration::from_secs(5);
/// Pause before a buffer that did not start, or did not stop, is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// The actor behind a [`BusClient`](crate::BusClient).
///
/// When it crashes nothing is lost: subscriptions stay in the published table, which its next
/// life goes on from, and their buffers are actors of their own. Meanwhile events are
/// delivered, and who subscribes waits.
pub struct EventBusActor {
    shared: Arc<Shared>,
    table: Table,
    followed: HashSet<AnyRef>,
}

impl EventBusActor {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let table = Table::clone(&shared.table());
        Self { shared, table, followed: HashSet::new() }
    }

    pub(crate) fn view(&self) -> StateValue {
        let totals = &self.shared.totals;
        let (counts, _) = self.table.stats();
        StateValue::map([
            ("carrier", StateValue::from(self.shared.carrier.name())),
            ("partitions", self.shared.config.partitions.into()),
            ("subscriptions", self.table.len().into()),
            ("published", totals.published.load(Relaxed).into()),
            ("unmatched", totals.unmatched.load(Relaxed).into()),
            ("handled", counts.handled.into()),
            ("pending", counts.pending.into()),
            ("dropped", counts.dropped.into()),
            ("refused", counts.refused.into()),
            ("lost", counts.lost.into()),
        ])
    }

    /// Publishes the table, and follows exactly those it leads to.
    fn publish(&mut self, ctx: &mut Context<Self>) {
        self.shared.publish(self.table.clone());
        self.shared.carrier.interest(&self.table.interest());
        let mut wanted = HashSet::new();
        for sub in self.table.subs() {
            wanted.insert(sub.outlet.any());
            wanted.extend(sub.subscriber.clone());
        }
        for fresh in wanted.difference(&self.followed) {
            ctx.follow(fresh);
        }
        for stale in self.followed.difference(&wanted) {
            ctx.unfollow(stale);
        }
        self.followed = wanted;
    }

    // ---- subscribing -----------------------------------------------------------

    /// The subscription that the same actor has already.
    fn known(&self, wanted: &Wanted) -> Option<&Arc<Sub>> {
        let subscriber = wanted.sink.actor()?;
        self.table.subs().find(|sub| {
            !sub.spec.tenure.is_ended()
                && sub.subscriber.as_ref() == Some(&subscriber)
                && sub.spec.filter == wanted.filter
                && sub.group.as_ref().map(|group| &group.name) == wanted.group.as_ref()
                && sub.spec.sink.takes() == wanted.sink.takes()
        })
    }

    /// What a new subscription is made of; `Ok(Err(..))` is one there is.
    fn plan(&self, wanted: Wanted) -> Result<Result<Plan, Held>, SubscribeError> {
        if let Some(known) = self.known(&wanted) {
            return Ok(Err(held(known)));
        }
        let max = self.shared.config.max_subscriptions;
        if self.table.len() >= max {
            return Err(SubscribeError::TooMany { max });
        }
        let Wanted { filter, group, sink, buffer } = wanted;
        let subscriber = sink.actor();
        if let Some(gone) = subscriber.as_ref().filter(|actor| actor.is_closed()) {
            let reason = gone.last_exit().unwrap_or(ExitReason::NoProc);
            return Err(SubscribeError::SubscriberGone { subscriber: gone.path().clone(), reason });
        }
        let id = self.shared.next.fetch_add(1, Relaxed);
        let group = group.map(|name| {
            let of = subscriber
                .as_ref()
                .map_or_else(|| format!("feed-{id}"), |actor| actor.path().to_string());
            Group {
                turn: self.table.turn_of(&name),
                name,
                member: member_hash(&format!("{of} {filter}")),
            }
        });
        let spec =
            OutletSpec { filter, sink, buffer, meters: Arc::default(), tenure: Arc::default() };
        Ok(Ok(Plan { id, group, subscriber, spec }))
    }

    // ---- buffers ---------------------------------------------------------------

    /// Starts the buffer of a subscription.
    fn start_outlet(
        &self,
        id: u64,
        spec: &OutletSpec,
    ) -> impl Future<Output = Result<Ref<Outlet>, SubscribeError>> + use<> {
        let outlets = self.shared.outlets();
        let child = DynamicChild::blueprint(spec.blueprint()).name(outlet_name(id));
        async move {
            let outlets = outlets.ok_or(SubscribeError::NotStarted)?.within(OUTLET_WITHIN);
            let started = outlets.start_dynamic(child).await.map_err(SubscribeError::Buffer)?;
            started.typed().ok_or(SubscribeError::NotStarted)
        }
    }

    /// Takes subscriptions out, and stops their buffers.
    fn remove(&mut self, ids: &[u64], ctx: &mut Context<Self>) {
        let taken: Vec<_> = ids.iter().filter_map(|id| self.table.take(*id)).collect();
        if taken.is_empty() {
            return;
        }
        self.publish(ctx);
        taken.iter().for_each(|sub| self.stop(sub, ctx));
    }

    /// Stops the buffer of a subscription that left, until it is gone.
    fn stop(&self, sub: &Arc<Sub>, ctx: &mut Context<Self>) {
        let (outlets, sub) = (self.shared.outlets(), Arc::clone(sub));
        let path = sub.outlet.path().clone();
        let stop = async move {
            if let Some(outlets) = outlets {
                // Not found is as good as stopped; whether it is gone is looked at next.
                drop(outlets.within(OUTLET_WITHIN).terminate_dynamic(&path).await);
            }
        };
        ctx.spawn(stop.into_actor(self).map(move |(), this, ctx| {
            if sub.outlet.any().is_closed() {
                this.table.forget(sub.id);
                this.shared.publish(this.table.clone());
            } else {
                ctx.run_later(TRY_AGAIN, move |this, ctx| this.stop(&sub, ctx));
            }
        }));
    }

    /// Gives a subscription whose buffer is gone another one.
    fn revive(&self, id: u64, ctx: &mut Context<Self>) {
        let Some(sub) = self.table.get(id) else { return };
        let started = self.start_outlet(id, &sub.spec).into_actor(self);
        ctx.spawn(started.map(move |started, this, ctx| {
            match (started, this.table.get(id)) {
                (Ok(outlet), Some(sub)) => {
                    let sub = Sub { outlet, ..Sub::clone(sub) };
                    this.table.put(sub);
                    this.publish(ctx);
                }
                // Ended meanwhile.
                (Ok(_), None) => this.clear_orphans(ctx),
                (Err(error), Some(_)) => {
                    tracing::warn!(%error, subscription = id, "a subscription has no buffer yet");
                    ctx.run_later(TRY_AGAIN, move |this, ctx| this.revive(id, ctx));
                }
                (Err(_), None) => {}
            }
        }));
    }

    /// Stops buffers that no subscription leads to: those of a life of this actor that ended
    /// between starting one and noting it.
    fn clear_orphans(&self, ctx: &mut Context<Self>) {
        let Some(outlets) = self.shared.outlets() else { return };
        let outlets = outlets.within(OUTLET_WITHIN);
        let subs = self.table.subs().chain(self.table.leaving());
        let known: HashSet<_> = subs.map(|sub| sub.outlet.path().clone()).collect();
        ctx.wait(clear(outlets, known).into_actor(self));
    }
}

async fn clear(outlets: SupervisorRef, known: HashSet<ms_core::ActorPath>) {
    let Ok(children) = outlets.which_children().await else { return };
    for child in children.into_iter().filter(|child| !known.contains(&child.path)) {
        if let Err(error) = outlets.terminate_dynamic(&child.path).await {
            tracing::debug!(%error, path = %child.path, "a buffer without subscription stays");
        }
    }
}

fn outlet_name(id: u64) -> String {
    format!("s{id}")
}

/// A subscription without its buffer.
struct Plan {
    id: u64,
    group: Option<Group>,
    subscriber: Option<AnyRef>,
    spec: OutletSpec,
}

fn held(sub: &Sub) -> Held {
    let tenure = Arc::clone(&sub.spec.tenure);
    Held { id: sub.id, holder: tenure.take_over(), filter: sub.spec.filter.clone(), tenure }
}

impl Actor for EventBusActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Who went meanwhile is told of as soon as it is followed.
        self.publish(ctx);
        let leaving: Vec<_> = self.table.leaving().cloned().collect();
        leaving.iter().for_each(|sub| self.stop(sub, ctx));
        self.clear_orphans(ctx);
    }
}

/// What somebody subscribes to.
pub(crate) struct Wanted {
    pub(crate) filter: Filter,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) buffer: Buffer,
}

impl Message for Wanted {
    type Result = Result<Held, SubscribeError>;
}

impl Handler<Wanted> for EventBusActor {
    /// One after the other: no two start a buffer for the same subscription.
    type Result = AtomicResponse<Self, Result<Held, SubscribeError>>;

    fn handle(&mut self, wanted: Wanted, ctx: &mut Self::Context) -> Self::Result {
        let ended = self.table.subs().filter(|sub| sub.spec.tenure.is_ended());
        let ended: Vec<_> = ended.map(|sub| sub.id).collect();
        self.remove(&ended, ctx);
        let plan = match self.plan(wanted) {
            Ok(Ok(plan)) => plan,
            Ok(Err(known)) => return answer(Ok(known)),
            Err(error) => return answer(Err(error)),
        };
        let started = self.start_outlet(plan.id, &plan.spec).into_actor(self);
        AtomicResponse::new(Box::pin(started.map(move |started, this, ctx| {
            let Plan { id, group, subscriber, spec } = plan;
            let sub = Sub { id, spec, group, subscriber, outlet: started? };
            let held = held(&sub);
            this.table.put(sub);
            this.publish(ctx);
            Ok(held)
        })))
    }
}

fn answer(
    answer: Result<Held, SubscribeError>,
) -> AtomicResponse<EventBusActor, Result<Held, SubscribeError>> {
    AtomicResponse::new(Box::pin(actix::fut::ready(answer)))
}

/// A subscription has ended.
pub(crate) struct Unsubscribe(pub(crate) u64);

impl Message for Unsubscribe {
    type Result = ();
}

impl Handler<Unsubscribe> for EventBusActor {
    type Result = ();

    fn handle(&mut self, Unsubscribe(id): Unsubscribe, ctx: &mut Self::Context) {
        self.remove(&[id], ctx);
    }
}

impl Handler<LifeNews> for EventBusActor {
    type Result = ();

    fn handle(&mut self, news: LifeNews, ctx: &mut Self::Context) {
        if !matches!(news.change, LifeChange::Gone(_)) {
            return;
        }
        let of = |wanted: &dyn Fn(&Sub) -> bool| -> Vec<u64> {
            self.table.subs().filter(|sub| wanted(sub)).map(|sub| sub.id).collect()
        };
        let subscriptions = of(&|sub| sub.subscriber.as_ref() == Some(&news.of));
        let buffers = of(&|sub| sub.outlet.any() == news.of);
        self.followed.remove(&news.of);
        self.remove(&subscriptions, ctx);
        for id in buffers {
            if let Some(sub) = self.table.get(id) {
                sub.write_off();
                self.revive(id, ctx);
            }
        }
    }
}

impl std::fmt::Debug for EventBusActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventBusActor")
            .field("subscriptions", &self.table.len())
            .finish_non_exhaustive()
    }
}
