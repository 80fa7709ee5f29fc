//! The bus actor, which changes the table of subscriptions and starts the outlets. Events do not
//! pass through it.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, AtomicResponse, Handler, WrapFuture};
use ms_actor::{AnyRef, Context, LifeChange, LifecycleEvent, Ref, StateValue};
use ms_core::{ErrorChain, ExitReason};
use ms_supervisor::{DynamicChild, SupervisorRef};

use crate::error::SubscribeError;
use crate::logic::partition::member_hash;
use crate::logic::rate_limit::RateLimit;
use crate::messages::{NewSubscription, Unsubscribe};
use crate::outlet::{Outlet, blueprint};
use crate::queue::{Queue, SubscriptionState};
use crate::state::Shared;
use crate::subscription::Offer;
use crate::table::{Group, Sub, Table};
use crate::transport::Transport;

/// Deadline of the start and of the stop of an outlet.
const OUTLET_DEADLINE: Duration = Duration::from_secs(5);
/// Delay before the start or the stop of an outlet is tried again.
const OUTLET_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Outlet crashes within [`CRASH_PERIOD`] that a subscription may cause; one more ends it.
const MAX_CRASHES: u32 = 10;
const CRASH_PERIOD: Duration = Duration::from_secs(10);

/// The actor that subscriptions are asked of.
///
/// A crash of it loses nothing. Its next life goes on from the published table, which holds the
/// subscriptions and their queues, and the outlets that empty the queues are actors of their own.
/// Meanwhile events are delivered, and new subscribers wait.
pub(crate) struct EventBusActor {
    shared: Arc<Shared>,
    transport: Arc<dyn Transport>,
    /// The working copy. It is published as a whole after each change.
    table: Table,
    /// Actors whose end this actor is notified of.
    followed: HashSet<AnyRef>,
    /// By subscription: how often its events have crashed an outlet.
    crashes: HashMap<u64, RateLimit>,
}

impl EventBusActor {
    pub(crate) fn new(shared: Arc<Shared>, transport: Arc<dyn Transport>) -> Self {
        let table = Table::clone(&shared.table());
        Self { shared, transport, table, followed: HashSet::new(), crashes: HashMap::new() }
    }

    pub(crate) fn view(&self) -> StateValue {
        let totals = &self.shared.totals;
        let (counts, _) = self.table.stats();
        StateValue::map([
            // The key is published: programs read it out of `msctl state`.
            ("carrier", StateValue::from(self.transport.name())),
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

    /// Publishes the table, and follows exactly the actors that are in it.
    fn publish(&mut self, ctx: &mut Ctx) {
        self.shared.publish(self.table.clone());
        self.transport.interest(&self.table.interest());
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

    /// Returns the subscription that the same actor has already.
    fn known(&self, wanted: &NewSubscription) -> Option<Offer> {
        let subscriber = wanted.sink.actor()?;
        let mut known = self.table.subs().filter(|sub| {
            sub.subscriber.as_ref() == Some(&subscriber)
                && sub.state.filter == wanted.filter
                && sub.group.as_ref().map(|group| &group.name) == wanted.group.as_ref()
                && sub.state.sink.takes() == wanted.sink.takes()
        });
        known.find_map(|sub| Offer::of(&self.shared.links, &sub.state))
    }

    /// Checks a request and drafts the subscription.
    fn draft(&self, wanted: NewSubscription) -> Result<Draft, SubscribeError> {
        let max = self.shared.config.max_subscriptions;
        if self.table.len() >= max {
            return Err(SubscribeError::TooMany { max });
        }
        let NewSubscription { filter, group, sink, buffer } = wanted;
        let subscriber = sink.actor();
        if let Some(gone) = subscriber.as_ref().filter(|actor| actor.is_closed()) {
            let reason = gone.last_exit().unwrap_or(ExitReason::NoProc);
            return Err(SubscribeError::SubscriberGone { subscriber: gone.path().clone(), reason });
        }
        let id = self.shared.next_id.fetch_add(1, Relaxed);
        let group = group.map(|name| {
            // By path and filter: both are the same after a restart, so no partition moves.
            let of = subscriber
                .as_ref()
                .map_or_else(|| format!("feed-{id}"), |actor| actor.path().to_string());
            Group {
                turn: self.table.turn_of(&name),
                name,
                member: member_hash(&format!("{of} {filter}")),
            }
        });
        let state = Arc::new(SubscriptionState::new(id, filter, sink, buffer));
        Ok(Draft { group, subscriber, state })
    }

    /// Returns the queue and the outlet that a subscriber has for another subscription. They are
    /// shared: with one queue each, the order between its subscriptions would be lost.
    fn queue_of(&self, subscriber: Option<&AnyRef>) -> Option<(Arc<Queue>, Ref<Outlet>)> {
        let subscriber = subscriber?;
        let mut subs = self.table.subs();
        let other = subs.find(|sub| sub.subscriber.as_ref() == Some(subscriber))?;
        Some((Arc::clone(&other.queue), other.outlet.clone()))
    }

    /// Adds a drafted subscription to the table.
    fn add(
        &mut self,
        draft: Draft,
        queue: Arc<Queue>,
        outlet: Ref<Outlet>,
        ctx: &mut Ctx,
    ) -> Answer {
        let Draft { group, subscriber, state } = draft;
        // The offer comes before the table: if the asker has given up meanwhile, the offer is
        // dropped with the answer and ends the subscription from the beginning.
        let offer = Offer::of(&self.shared.links, &state).ok_or(SubscribeError::NotStarted)?;
        self.table.put(Sub { state, group, subscriber, queue, outlet });
        self.publish(ctx);
        Ok(offer)
    }

    // ---- outlets ---------------------------------------------------------------

    /// Starts an outlet for a queue.
    fn start_outlet(
        &self,
        queue: &Arc<Queue>,
        subscriber: Option<&AnyRef>,
    ) -> impl Future<Output = Result<Ref<Outlet>, SubscribeError>> + use<> {
        let outlets = self.shared.links.outlets();
        let subscriber = subscriber.map(|actor| actor.path().to_string());
        let name = format!("s{}", queue.id);
        let blueprint = blueprint(Arc::clone(queue), subscriber, Arc::clone(&self.shared.links));
        let child = DynamicChild::blueprint(blueprint).name(name);
        async move {
            let outlets = outlets.ok_or(SubscribeError::NotStarted)?.within(OUTLET_DEADLINE);
            let started = outlets.start_dynamic(child).await.map_err(SubscribeError::Buffer)?;
            started.typed().ok_or(SubscribeError::NotStarted)
        }
    }

    /// Removes subscriptions, and stops the outlets of queues that none is left for.
    fn remove(&mut self, ids: &[u64], ctx: &mut Ctx) {
        let taken: Vec<_> = ids.iter().filter_map(|id| self.table.take(*id)).collect();
        if !taken.is_empty() {
            self.publish(ctx);
        }
        // Several of them may share one outlet, which is stopped once.
        let mut stopped = HashSet::new();
        for sub in taken {
            sub.queue.leave(&sub.state);
            self.crashes.remove(&sub.id());
            if !self.is_needed(&sub.queue) && stopped.insert(sub.queue.id) {
                self.stop(&sub, ctx);
            }
        }
        self.forget_settled();
    }

    /// Returns whether a subscription uses the queue.
    fn is_needed(&self, queue: &Arc<Queue>) -> bool {
        self.table.subs().any(|sub| sub.shares_queue(queue))
    }

    /// Forgets the subscriptions that have left and whose last event is settled.
    fn forget_settled(&mut self) {
        let settled = self.table.leaving().filter(|sub| !sub.queue.is_in_hand(&sub.state));
        let settled: Vec<_> = settled.map(|sub| sub.id()).collect();
        if settled.is_empty() {
            return;
        }
        settled.into_iter().for_each(|id| self.table.forget(id));
        self.shared.publish(self.table.clone());
    }

    /// Stops the outlet of a queue that is no longer needed, and tries again until it is gone.
    fn stop(&self, sub: &Arc<Sub>, ctx: &mut Ctx) {
        let (outlets, sub) = (self.shared.links.outlets(), Arc::clone(sub));
        let path = sub.outlet.path().clone();
        let stop = async move {
            if let Some(outlets) = outlets {
                // The result does not matter: not found is as good as stopped, and whether the
                // outlet is gone is checked below.
                drop(outlets.within(OUTLET_DEADLINE).terminate_dynamic(&path).await);
            }
        };
        ctx.spawn(stop.into_actor(self).map(move |(), this, ctx| {
            if sub.outlet.any().is_closed() {
                // The outlet's last event is settled now, and may have been all that was waited for.
                this.forget_settled();
            } else {
                ctx.run_later(OUTLET_RETRY_DELAY, move |this, ctx| this.stop(&sub, ctx));
            }
        }));
    }

    /// Starts another outlet for a queue whose outlet is gone.
    fn revive(&self, queue: &Arc<Queue>, ctx: &mut Ctx) {
        let Some(sub) = self.table.subs().find(|sub| sub.shares_queue(queue)) else { return };
        let started = self.start_outlet(queue, sub.subscriber.as_ref()).into_actor(self);
        let queue = Arc::clone(queue);
        ctx.spawn(started.map(move |started, this, ctx| match started {
            Ok(outlet) if this.is_needed(&queue) => this.revived(&queue, &outlet, ctx),
            // The last subscription ended while the outlet started.
            Ok(_) => this.clear_orphans(ctx),
            Err(error) if this.is_needed(&queue) => {
                let error = ErrorChain::from_error(&error);
                tracing::warn!(%error, queue = queue.id, "the delivery actor of a queue did not \
                     start; retrying");
                ctx.run_later(OUTLET_RETRY_DELAY, move |this, ctx| this.revive(&queue, ctx));
            }
            Err(_) => {}
        }));
    }

    /// Replaces the outlet of all subscriptions of a queue.
    fn revived(&mut self, queue: &Arc<Queue>, outlet: &Ref<Outlet>, ctx: &mut Ctx) {
        let subs: Vec<_> = self.table.subs().filter(|sub| sub.shares_queue(queue)).collect();
        let subs: Vec<_> =
            subs.into_iter().map(|sub| Sub { outlet: outlet.clone(), ..Sub::clone(sub) }).collect();
        subs.into_iter().for_each(|sub| self.table.put(sub));
        self.publish(ctx);
    }

    /// Handles the end of an outlet: ends the subscriptions whose events crash it again and again,
    /// and starts another outlet for the others.
    fn outlet_gone(&mut self, queue: &Arc<Queue>, ctx: &mut Ctx) {
        let now = ctx.node().now();
        let bad = |id: &u64| {
            let limit = self.crashes.entry(*id);
            let limit = limit.or_insert_with(|| RateLimit::new(MAX_CRASHES, CRASH_PERIOD));
            limit.admit(now).is_none()
        };
        let bad: Vec<u64> = queue.take_crashed().into_iter().filter(bad).collect();
        for sub in bad.iter().filter_map(|id| self.table.get(*id)) {
            sub.state.ownership.end();
            tracing::error!(
                subscription = sub.id(),
                subscriber = %sub.path(),
                filter = %sub.state.filter,
                "a subscription was ended: its events crashed the delivery actor more than \
                 {MAX_CRASHES} times in {CRASH_PERIOD:?}"
            );
        }
        self.remove(&bad, ctx);
        self.revive(queue, ctx);
    }

    /// Stops outlets without a subscription. They are left by a life of this actor that ended
    /// between the start of an outlet and the change of the table.
    fn clear_orphans(&self, ctx: &mut Ctx) {
        let Some(outlets) = self.shared.links.outlets() else { return };
        let outlets = outlets.within(OUTLET_DEADLINE);
        let subs = self.table.subs().chain(self.table.leaving());
        let known: HashSet<_> = subs.map(|sub| sub.outlet.path().clone()).collect();
        ctx.wait(stop_unknown(outlets, known).into_actor(self));
    }
}

async fn stop_unknown(outlets: SupervisorRef, known: HashSet<ms_core::ActorPath>) {
    let Ok(children) = outlets.which_children().await else { return };
    for child in children.into_iter().filter(|child| !known.contains(&child.path)) {
        if let Err(error) = outlets.terminate_dynamic(&child.path).await {
            tracing::debug!(%error, path = %child.path, "an outlet without subscriptions could not be stopped");
        }
    }
}

type Ctx = Context<EventBusActor>;
type Answer = Result<Offer, SubscribeError>;

/// A subscription that has no queue yet.
struct Draft {
    group: Option<Group>,
    subscriber: Option<AnyRef>,
    state: Arc<SubscriptionState>,
}

impl Actor for EventBusActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Actors that ended while there was no bus need no extra look: following them reports
        // their end at once.
        self.publish(ctx);
        let unneeded: Vec<_> =
            self.table.leaving().filter(|sub| !self.is_needed(&sub.queue)).cloned().collect();
        unneeded.iter().for_each(|sub| self.stop(sub, ctx));
        self.forget_settled();
        self.clear_orphans(ctx);
    }
}

impl Handler<NewSubscription> for EventBusActor {
    // Atomic, so that two requests of one subscriber do not start two outlets.
    type Result = AtomicResponse<Self, Answer>;

    fn handle(&mut self, wanted: NewSubscription, ctx: &mut Self::Context) -> Self::Result {
        // An `Unsubscribe` that found the mailbox full is made up for here.
        let ended = self.table.subs().filter(|sub| sub.state.ownership.is_ended());
        let ended: Vec<_> = ended.map(|sub| sub.id()).collect();
        self.remove(&ended, ctx);
        if let Some(known) = self.known(&wanted) {
            return answer(Ok(known));
        }
        let draft = match self.draft(wanted) {
            Ok(draft) => draft,
            Err(error) => return answer(Err(error)),
        };
        if let Some((queue, outlet)) = self.queue_of(draft.subscriber.as_ref()) {
            return answer(self.add(draft, queue, outlet, ctx));
        }
        let queue = Arc::new(Queue::new(draft.state.id));
        let started = self.start_outlet(&queue, draft.subscriber.as_ref()).into_actor(self);
        AtomicResponse::new(Box::pin(
            started.map(move |started, this, ctx| this.add(draft, queue, started?, ctx)),
        ))
    }
}

fn answer(answer: Answer) -> AtomicResponse<EventBusActor, Answer> {
    AtomicResponse::new(Box::pin(actix::fut::ready(answer)))
}

impl Handler<Unsubscribe> for EventBusActor {
    type Result = ();

    fn handle(&mut self, Unsubscribe(id): Unsubscribe, ctx: &mut Self::Context) {
        self.remove(&[id], ctx);
    }
}

impl Handler<LifecycleEvent> for EventBusActor {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, ctx: &mut Self::Context) {
        if !matches!(event.change, LifeChange::Gone(_)) {
            return;
        }
        self.followed.remove(&event.of);
        let of = self.table.subs().filter(|sub| sub.subscriber.as_ref() == Some(&event.of));
        let of: Vec<u64> = of.map(|sub| sub.id()).collect();
        self.remove(&of, ctx);
        let queue = self.table.subs().find(|sub| sub.outlet.any() == event.of);
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
