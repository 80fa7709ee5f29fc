//! The actor of a fallback.

use std::collections::HashMap;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Handler, MessageResult, ResponseActFuture, SpawnHandle,
    WrapFuture,
};
use ms_actor::host::Blueprint;
use ms_actor::{
    AskError, Context, Hosted, LifeChange, LifecycleEvent, Port, Ref, Slot, StateValue,
};
use ms_core::ActorPath;
use ms_core::health::{FEATURES_OFF, FEATURES_ON};
use ms_core::view::EventKind;

use super::messages::{
    Alternative, DegradedChanged, GetDegraded, Rescue, Succeeded, WatchDegraded,
};
use crate::answer::{Answer, Hops, Payload, Source};
use crate::error::{FallbackError, TooManyWatchers, Unavailable};
use crate::logic::plan::{FallbackStrategy, Plan, Step};

/// Longest wait for an alternative service.
const ALTERNATIVE_DEADLINE: Duration = Duration::from_secs(5);
/// Largest number of watchers of one fallback.
const MAX_WATCHERS: usize = 1_024;
/// Text of the event that no feature is off any more.
const ALL_ON: &str = "all features are on";
/// Delay before a watcher whose mailbox was full is notified again.
const NOTIFY_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A watcher of the features.
#[derive(Debug)]
struct Watcher {
    port: Port<DegradedChanged>,
    /// Whether it has not got the latest state.
    behind: bool,
}

/// What the next life of a fallback inherits.
#[derive(Debug, Clone, Default)]
struct Inherited {
    watchers: Vec<Port<DegradedChanged>>,
    /// Whether features were off, as watchers and the health report know.
    off: bool,
}

/// The inheritance by path: one blueprint may make several fallbacks.
type InheritedByPath = Arc<Mutex<HashMap<ActorPath, Inherited>>>;

/// A fallback in the tree. It answers when a call could not.
#[derive(Debug)]
pub struct FallbackActor<Q: Send + 'static, T: Send + 'static> {
    plan: Plan<Q, T>,
    watchers: Vec<Watcher>,
    inherited: InheritedByPath,
    /// The timer after which watchers that are behind are notified again.
    retry: Option<SpawnHandle>,
    rescued: u64,
}

/// Returns the blueprint of a fallback's actor. Each life begins with an empty cache.
pub(super) fn blueprint<Q, T>(
    strategies: Vec<FallbackStrategy<Q, T>>,
    slot: Slot<FallbackActor<Q, T>>,
) -> Blueprint
where
    Q: Payload + Eq + Hash,
    T: Payload,
{
    let inherited = InheritedByPath::default();
    let factory = move |me: &Ref<FallbackActor<Q, T>>| {
        slot.fill(me);
        let (plan, inherited) = (Plan::new(strategies.clone()), Arc::clone(&inherited));
        Ok(FallbackActor { plan, watchers: Vec::new(), inherited, retry: None, rescued: 0 })
    };
    let tier = <FallbackActor<Q, T> as Hosted>::TIER;
    Blueprint::with_view(factory, tier, Some(FallbackActor::<Q, T>::view))
}

impl<Q: Payload + Eq + Hash, T: Payload> FallbackActor<Q, T> {
    fn view(&self) -> StateValue {
        StateValue::map([
            ("cached", (self.plan.cached() as u64).into()),
            ("rescued", self.rescued.into()),
            ("off", StateValue::list(self.plan.off().iter().map(|name| name.as_str().into()))),
        ])
    }

    /// Leaves the present watchers to the next life. Called at each change and not at the end: a
    /// panic must not lose them.
    fn bequeath(&self, me: &ActorPath) {
        let watchers = self.watchers.iter().map(|watcher| watcher.port.clone()).collect();
        let inherited = Inherited { watchers, off: !self.plan.off().is_empty() };
        self.inherited.lock().unwrap_or_else(PoisonError::into_inner).insert(me.clone(), inherited);
    }

    /// Takes over the watchers of the life before, without those that have ended since. No feature
    /// is off in a new life: which ones were was a fact about calls, and calls will tell anew.
    fn inherit(&mut self, ctx: &mut Context<Self>) {
        let all = self.inherited.lock().unwrap_or_else(PoisonError::into_inner);
        let Inherited { watchers, off } = all.get(ctx.path()).cloned().unwrap_or_default();
        drop(all);
        let living = watchers.into_iter().filter(|port| !port.any().is_closed());
        self.watchers = living.map(|port| Watcher { port, behind: true }).collect();
        self.watchers.iter().for_each(|watcher| ctx.follow(&watcher.port.any()));
        if off {
            self.features_changed(ctx);
        } else {
            self.notify_watchers(ctx);
        }
    }

    /// Logs and publishes the features that are off, and notifies the watchers.
    fn features_changed(&mut self, ctx: &mut Context<Self>) {
        let features = self.plan.off();
        // The health report listens for these two topics.
        let topic = if features.is_empty() { FEATURES_ON } else { FEATURES_OFF };
        tracing::warn!(topic, fallback = %ctx.path(), ?features, "the features that are off have changed");
        let text = if features.is_empty() { ALL_ON.to_owned() } else { features.join(", ") };
        let path = ctx.path().clone();
        ctx.node().publish(EventKind::Noted { path, topic: topic.to_owned(), text });
        self.watchers.iter_mut().for_each(|watcher| watcher.behind = true);
        self.bequeath(ctx.path());
        self.notify_watchers(ctx);
    }

    /// Sends the present state to the watchers that do not have it, and again later to those
    /// without room. Of several changes in between they get only the last.
    fn notify_watchers(&mut self, ctx: &mut Context<Self>) {
        let features = self.plan.off();
        for watcher in self.watchers.iter_mut().filter(|watcher| watcher.behind) {
            let changed = DegradedChanged { features: features.clone() };
            watcher.behind = watcher.port.try_tell(changed).is_err();
        }
        if self.watchers.iter().any(|watcher| watcher.behind) {
            // One timer at a time: a further change restarts the delay.
            if let Some(timer) = self.retry.take() {
                ctx.cancel_future(timer);
            }
            self.retry = Some(ctx.run_later(NOTIFY_RETRY_DELAY, |this, ctx| {
                this.retry = None;
                this.notify_watchers(ctx);
            }));
        }
    }

    /// Finds an answer to a query, beginning with the strategy at index `from`.
    fn rescue(
        &mut self,
        query: Q,
        hops: Hops,
        from: usize,
        ctx: &mut Context<Self>,
    ) -> ResponseActFuture<Self, Result<Answer<T>, FallbackError>> {
        let before = self.plan.off();
        let step = self.plan.next(&query, from, ctx.node().now());
        let done = match step {
            Step::Ask(service, next) => return self.ask(service, query, hops, next, ctx),
            Step::Give(answer) => {
                self.rescued += 1;
                Ok(answer)
            }
            Step::Degrade => {
                let features = self.plan.off();
                if features != before {
                    self.features_changed(ctx);
                }
                Err(FallbackError::Degraded { features })
            }
            Step::Nothing => Err(FallbackError::Nothing),
        };
        Box::pin(std::future::ready(done).into_actor(self))
    }

    /// Asks an alternative service. If it fails, the strategies after it are tried.
    fn ask(
        &self,
        service: Port<Alternative<Q, T>>,
        query: Q,
        hops: Hops,
        next: usize,
        ctx: &Context<Self>,
    ) -> ResponseActFuture<Self, Result<Answer<T>, FallbackError>> {
        let (me, left) = (ctx.me(), hops.next());
        let asked = async move {
            let failed = match left {
                None => FallbackError::HopLimit,
                Some(left) => {
                    let question = Alternative::new(query.clone(), left);
                    match service.ask(question, ALTERNATIVE_DEADLINE).await {
                        Ok(Ok(value)) => return Ok(Answer { value, source: Source::Alternative }),
                        Ok(Err(error)) => error,
                        Err(error) => unavailable(service.path(), &error),
                    }
                }
            };
            // Through the mailbox and not by a call: this future has no access to the plan, which
            // may have changed while the alternative was asked.
            let rest = Rescue { query, hops, from: next, answer: PhantomData };
            match me.ask(rest).within(ALTERNATIVE_DEADLINE).await {
                // The error of the alternative says more than that there is no further strategy.
                Ok(Err(FallbackError::Nothing)) => Err(failed),
                Ok(answer) => answer,
                Err(error) => Err(unavailable(me.path().clone(), &error)),
            }
        };
        Box::pin(asked.into_actor(self).map(|answer, actor, _| {
            actor.rescued += u64::from(answer.is_ok());
            answer
        }))
    }
}

fn unavailable<M>(path: ActorPath, error: &AskError<M>) -> FallbackError {
    Unavailable::from_ask(path, ALTERNATIVE_DEADLINE, error).into()
}

impl<Q: Payload + Eq + Hash, T: Payload> Actor for FallbackActor<Q, T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.inherit(ctx);
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Handler<Succeeded<Q, T>> for FallbackActor<Q, T> {
    type Result = ();

    fn handle(&mut self, Succeeded(query, value): Succeeded<Q, T>, ctx: &mut Self::Context) {
        if self.plan.succeeded(query, value, ctx.node().now()) {
            self.features_changed(ctx);
        }
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Handler<Rescue<Q, T>> for FallbackActor<Q, T> {
    type Result = ResponseActFuture<Self, Result<Answer<T>, FallbackError>>;

    fn handle(&mut self, rescue: Rescue<Q, T>, ctx: &mut Self::Context) -> Self::Result {
        self.rescue(rescue.query, rescue.hops, rescue.from, ctx)
    }
}

// A fallback is a service itself, so that alternatives can be chained.
impl<Q: Payload + Eq + Hash, T: Payload> Handler<Alternative<Q, T>> for FallbackActor<Q, T> {
    type Result = ResponseActFuture<Self, Result<T, FallbackError>>;

    fn handle(&mut self, asked: Alternative<Q, T>, ctx: &mut Self::Context) -> Self::Result {
        let rescue = self.rescue(asked.query, asked.hops, 0, ctx);
        Box::pin(rescue.map(|answer, _, _| answer.map(|answer| answer.value)))
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Handler<WatchDegraded> for FallbackActor<Q, T> {
    type Result = Result<(), TooManyWatchers>;

    fn handle(
        &mut self,
        WatchDegraded(port): WatchDegraded,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        self.watchers.retain(|other| other.port.any() != port.any());
        if self.watchers.len() >= MAX_WATCHERS {
            return Err(TooManyWatchers { max: MAX_WATCHERS });
        }
        ctx.follow(&port.any());
        self.watchers.push(Watcher { port, behind: true });
        self.bequeath(ctx.path());
        self.notify_watchers(ctx);
        Ok(())
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Handler<LifecycleEvent> for FallbackActor<Q, T> {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, ctx: &mut Self::Context) {
        if matches!(event.change, LifeChange::Gone(_)) {
            self.watchers.retain(|watcher| watcher.port.any() != event.of);
            self.bequeath(ctx.path());
        }
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Handler<GetDegraded> for FallbackActor<Q, T> {
    type Result = MessageResult<GetDegraded>;

    fn handle(&mut self, _: GetDegraded, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.plan.off())
    }
}
