//! The bus actor: it owns the table of subscriptions, and who is told what. Events do not pass
//! through it.

use std::collections::{HashMap, HashSet};
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
use crate::outlet::{Outlet, blueprint};
use crate::partition::member_hash;
use crate::queue::{Buffer, Queue, Seat};
use crate::rate::RateBound;
use crate::sink::Sink;
use crate::subject::Filter;
use crate::subscribe::Offer;
use crate::table::{Group, Sub, Table};

/// Longest start or stop of an outlet.
const OUTLET_WITHIN: Duration = Duration::from_secs(5);
/// Pause before an outlet that did not start, or did not stop, is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// Crashes of its outlet, in [`CRASH_PERIOD`], that a subscription may cause; one more ends it.
const CRASHES: u32 = 10;
const CRASH_PERIOD: Duration = Duration::from_secs(10);

/// The actor behind a [`BusClient`](crate::BusClient).
///
/// When it crashes nothing is lost: subscriptions and their queues stay in the published table,
/// which its next life goes on from, and what empties the queues are actors of their own.
/// Meanwhile events are delivered, and who subscribes waits.
pub struct EventBusActor {
    shared: Arc<Shared>,
    table: Table,
    followed: HashSet<AnyRef>,
    /// Of the subscriptions whose events crashed an outlet.
    crashes: HashMap<u64, RateBound>,
}

impl EventBusActor {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let table = Table::clone(&shared.table());
        Self { shared, table, followed: HashSet::new(), crashes: HashMap::new() }
    }

    pub(crate) fn view(&self) -> StateValue {
        let totals = &self.shared.totals;
        let (counts, _) = self.table.stats();
        StateValue::map([
            ("carrier", StateValue::from(self.shared.transport.name())),
            ("partitions", self.shared.config.partitions.into()),
            ("buffer", self.shared.buffer.load(Relaxed).into()),
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
    fn publish(&mut self, ctx: &mut Ctx) {
        self.shared.publish(self.table.clone());
        self.shared.transport.interest(&self.table.interest());
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
    fn known(&self, wanted: &Wanted) -> Option<Offer> {
        let subscriber = wanted.sink.actor()?;
        let mut known = self.table.subs().filter(|sub| {
            sub.subscriber.as_ref() == Some(&subscriber)
                && sub.seat.filter == wanted.filter
                && sub.group.as_ref().map(|group| &group.name) == wanted.group.as_ref()
                && sub.seat.sink.takes() == wanted.sink.takes()
        });
        known.find_map(|sub| Offer::of(&self.shared, &sub.seat))
    }

    /// What a new subscription is made of.
    fn plan(&self, wanted: Wanted) -> Result<Plan, SubscribeError> {
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
        Ok(Plan { group, subscriber, seat: Arc::new(Seat::new(id, filter, sink, buffer)) })
    }

    /// The queue that a subscriber has for another subscription, and what empties it.
    fn queue_of(&self, subscriber: Option<&AnyRef>) -> Option<(Arc<Queue>, Ref<Outlet>)> {
        let subscriber = subscriber?;
        let mut subs = self.table.subs();
        let other = subs.find(|sub| sub.subscriber.as_ref() == Some(subscriber))?;
        Some((Arc::clone(&other.queue), other.outlet.clone()))
    }

    /// Notes a new subscription.
    fn add(&mut self, plan: Plan, queue: Arc<Queue>, outlet: Ref<Outlet>, ctx: &mut Ctx) -> Answer {
        let Plan { group, subscriber, seat } = plan;
        // Offered first: who has given up by now has none from the beginning.
        let offer = Offer::of(&self.shared, &seat).ok_or(SubscribeError::NotStarted)?;
        self.table.put(Sub { seat, group, subscriber, queue, outlet });
        self.publish(ctx);
        Ok(offer)
    }

    // ---- outlets ---------------------------------------------------------------

    /// Starts what empties a queue.
    fn start_outlet(
        &self,
        queue: &Arc<Queue>,
        subscriber: Option<&AnyRef>,
    ) -> impl Future<Output = Result<Ref<Outlet>, SubscribeError>> + use<> {
        let outlets = self.shared.outlets();
        let subscriber = subscriber.map(|actor| actor.path().to_string());
        let name = format!("s{}", queue.id);
        let blueprint = blueprint(Arc::clone(queue), subscriber, Arc::clone(&self.shared));
        let child = DynamicChild::blueprint(blueprint).name(name);
        async move {
            let outlets = outlets.ok_or(SubscribeError::NotStarted)?.within(OUTLET_WITHIN);
            let started = outlets.start_dynamic(child).await.map_err(SubscribeError::Buffer)?;
            started.typed().ok_or(SubscribeError::NotStarted)
        }
    }

    /// Takes subscriptions out, and stops what emptied queues that nobody needs any more.
    fn remove(&mut self, ids: &[u64], ctx: &mut Ctx) {
        let taken: Vec<_> = ids.iter().filter_map(|id| self.table.take(*id)).collect();
        if !taken.is_empty() {
            self.publish(ctx);
        }
        let mut stopped = HashSet::new();
        for sub in taken {
            sub.queue.leave(&sub.seat);
            self.crashes.remove(&sub.id());
            if !self.is_needed(&sub.queue) && stopped.insert(sub.queue.id) {
                self.stop(&sub, ctx);
            }
        }
        self.close_accounts();
    }

    fn is_needed(&self, queue: &Arc<Queue>) -> bool {
        self.table.subs().any(|sub| sub.shares_queue(queue))
    }

    /// Forgets those that left and of whose events none is with their subscriber any more.
    fn close_accounts(&mut self) {
        let settled = self.table.leaving().filter(|sub| !sub.queue.is_in_hand(&sub.seat));
        let settled: Vec<_> = settled.map(|sub| sub.id()).collect();
        if settled.is_empty() {
            return;
        }
        settled.into_iter().for_each(|id| self.table.forget(id));
        self.shared.publish(self.table.clone());
    }

    /// Stops the outlet of a queue that nobody needs, until it is gone.
    fn stop(&self, sub: &Arc<Sub>, ctx: &mut Ctx) {
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
                this.close_accounts();
            } else {
                ctx.run_later(TRY_AGAIN, move |this, ctx| this.stop(&sub, ctx));
            }
        }));
    }

    /// Gives a queue whose outlet is gone another one.
    fn revive(&self, queue: &Arc<Queue>, ctx: &mut Ctx) {
        let Some(sub) = self.table.subs().find(|sub| sub.shares_queue(queue)) else { return };
        let started = self.start_outlet(queue, sub.subscriber.as_ref()).into_actor(self);
        let queue = Arc::clone(queue);
        ctx.spawn(started.map(move |started, this, ctx| match started {
            Ok(outlet) if this.is_needed(&queue) => this.revived(&queue, &outlet, ctx),
            // Ended meanwhile.
            Ok(_) => this.clear_orphans(ctx),
            Err(error) if this.is_needed(&queue) => {
                tracing::warn!(%error, queue = queue.id, "a queue has no outlet yet");
                ctx.run_later(TRY_AGAIN, move |this, ctx| this.revive(&queue, ctx));
            }
            Err(_) => {}
        }));
    }

    fn revived(&mut self, queue: &Arc<Queue>, outlet: &Ref<Outlet>, ctx: &mut Ctx) {
        let subs: Vec<_> = self.table.subs().filter(|sub| sub.shares_queue(queue)).collect();
        let subs: Vec<_> =
            subs.into_iter().map(|sub| Sub { outlet: outlet.clone(), ..Sub::clone(sub) }).collect();
        subs.into_iter().for_each(|sub| self.table.put(sub));
        self.publish(ctx);
    }

    /// An outlet is gone for good: subscriptions whose events crash it again and again are
    /// ended, the others get another one.
    fn outlet_gone(&mut self, queue: &Arc<Queue>, ctx: &mut Ctx) {
        let now = ctx.node().now();
        let bad = |id: &u64| {
            let bound = self.crashes.entry(*id);
            let bound = bound.or_insert_with(|| RateBound::new(CRASHES, CRASH_PERIOD));
            bound.admit(now).is_none()
        };
        let bad: Vec<u64> = queue.take_crashed().into_iter().filter(bad).collect();
        for sub in bad.iter().filter_map(|id| self.table.get(*id)) {
            sub.seat.tenure.end();
            tracing::error!(
                subscription = sub.id(),
                subscriber = %sub.path(),
                filter = %sub.seat.filter,
                "a subscription is ended: delivering its events crashed {CRASHES} times in {CRASH_PERIOD:?}"
            );
        }
        self.remove(&bad, ctx);
        self.revive(queue, ctx);
    }

    /// Stops outlets that no subscription leads to: those of a life of this actor that ended
    /// between starting one and noting it.
    fn clear_orphans(&self, ctx: &mut Ctx) {
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
            tracing::debug!(%error, path = %child.path, "an outlet without subscription stays");
        }
    }
}

type Ctx = Context<EventBusActor>;
type Answer = Result<Offer, SubscribeError>;

/// A subscription without its queue.
struct Plan {
    group: Option<Group>,
    subscriber: Option<AnyRef>,
    seat: Arc<Seat>,
}

impl Actor for EventBusActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Who went meanwhile is told of as soon as it is followed.
        self.publish(ctx);
        let unneeded: Vec<_> =
            self.table.leaving().filter(|sub| !self.is_needed(&sub.queue)).cloned().collect();
        unneeded.iter().for_each(|sub| self.stop(sub, ctx));
        self.close_accounts();
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
    type Result = Answer;
}

impl Handler<Wanted> for EventBusActor {
    /// One after the other: no two start an outlet for the same subscriber.
    type Result = AtomicResponse<Self, Answer>;

    fn handle(&mut self, wanted: Wanted, ctx: &mut Self::Context) -> Self::Result {
        let ended = self.table.subs().filter(|sub| sub.seat.tenure.is_ended());
        let ended: Vec<_> = ended.map(|sub| sub.id()).collect();
        self.remove(&ended, ctx);
        if let Some(known) = self.known(&wanted) {
            return answer(Ok(known));
        }
        let plan = match self.plan(wanted) {
            Ok(plan) => plan,
            Err(error) => return answer(Err(error)),
        };
        if let Some((queue, outlet)) = self.queue_of(plan.subscriber.as_ref()) {
            return answer(self.add(plan, queue, outlet, ctx));
        }
        let queue = Arc::new(Queue::new(plan.seat.id));
        let started = self.start_outlet(&queue, plan.subscriber.as_ref()).into_actor(self);
        AtomicResponse::new(Box::pin(
            started.map(move |started, this, ctx| this.add(plan, queue, started?, ctx)),
        ))
    }
}

fn answer(answer: Answer) -> AtomicResponse<EventBusActor, Answer> {
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
        self.followed.remove(&news.of);
        let of = self.table.subs().filter(|sub| sub.subscriber.as_ref() == Some(&news.of));
        let of: Vec<u64> = of.map(|sub| sub.id()).collect();
        self.remove(&of, ctx);
        let queue = self.table.subs().find(|sub| sub.outlet.any() == news.of);
        if let Some(queue) = queue.map(|sub| Arc::clone(&sub.queue)) {
            self.outlet_gone(&queue, ctx);
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
