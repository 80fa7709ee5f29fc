//! The fallback's actor and the handle that calls go through.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Handler, Message, MessageResult, ResponseActFuture,
    SpawnHandle, WrapFuture,
};
use ms_actor::host::Blueprint;
use ms_actor::{Context, Hosted, LifeChange, LifecycleEvent, Port, Ref, StateValue};
use ms_core::ActorPath;
use ms_core::health::{FEATURES_OFF, FEATURES_ON};
use ms_core::view::EventKind;

use crate::plan::{Answer, FallbackStrategy, Hops, Plan, Source, Step};
use crate::slot::Slot;

/// Longest wait for an alternative service.
const ALTERNATIVE_WITHIN: Duration = Duration::from_secs(5);
/// Most watchers of one fallback.
const MAX_WATCHERS: usize = 1_024;
/// Text of the event that no feature is off any more.
const ALL_ON: &str = "all features are on";
/// Pause before a watcher that had no room is told again.
const TELL_AGAIN: Duration = Duration::from_millis(100);

/// Why there is no answer at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FallbackError {
    /// No strategy has one.
    #[error("no fallback has an answer")]
    Nothing,
    /// Features were switched off in place of an answer.
    #[error("degraded: {} off until a call goes well again", .features.join(", "))]
    Degraded {
        /// All that are off.
        features: Vec<String>,
    },
    /// Alternatives led to alternatives, perhaps in a circle.
    #[error("too many services asked one another; look for a circle of alternatives")]
    HopLimit,
    /// The fallback's actor does not answer.
    #[error("the fallback is not there: {0}")]
    NotThere(String),
}

/// Asks a service in another one's stead.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<T, FallbackError>")]
pub struct Alternative<Q: Send + 'static, T: Send + 'static> {
    /// What is asked.
    pub query: Q,
    /// How many more services may be asked.
    pub hops: Hops,
    answer: std::marker::PhantomData<fn() -> T>,
}

impl<Q: Send + 'static, T: Send + 'static> Alternative<Q, T> {
    /// A question with this many hops left.
    #[must_use]
    pub fn new(query: Q, hops: Hops) -> Self {
        Self { query, hops, answer: std::marker::PhantomData }
    }
}

/// Features went off, or all came back.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct DegradedChanged {
    /// What is off now; empty: nothing.
    pub features: Vec<String>,
}

/// From now on tells this actor of [`DegradedChanged`], the present state first. One whose
/// mailbox is full is told when it has room. A fallback that restarts keeps its watchers, and
/// tells them that nothing is off any more.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), TooManyWatchers>")]
pub struct WatchDegraded(pub Port<DegradedChanged>);

/// A fallback has as many watchers as it can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the fallback has its maximum of {max} watchers; have one of them pass the news on")]
pub struct TooManyWatchers {
    /// The bound.
    pub max: usize,
}

/// One that is told.
#[derive(Debug)]
struct Watcher {
    port: Port<DegradedChanged>,
    /// It had no room for the latest state.
    behind: bool,
}

/// Asks which features are off.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<String>")]
pub struct GetDegraded;

/// A call went well.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WentWell<Q, T>(pub(crate) Q, pub(crate) T);

/// A call has no answer.
#[derive(Message)]
#[rtype(result = "Result<Answer<T>, FallbackError>")]
pub(crate) struct Rescue<Q: Send + 'static, T: Send + 'static> {
    pub(crate) query: Q,
    pub(crate) hops: Hops,
    pub(crate) from: usize,
    pub(crate) answer: std::marker::PhantomData<fn() -> T>,
}

/// What queries and answers must be; every type that can is one.
pub trait Payload: Clone + Send + Sync + Unpin + 'static {}
impl<V: Clone + Send + Sync + Unpin + 'static> Payload for V {}

/// What the next life of a fallback has to know.
#[derive(Debug, Clone, Default)]
struct Legacy {
    watchers: Vec<Port<DegradedChanged>>,
    /// Something was off, and others were told so.
    off: bool,
}

/// That of fallbacks by path: a blueprint may be that of several.
type Kept = Arc<Mutex<HashMap<ActorPath, Legacy>>>;

/// Answers when a call could not.
#[derive(Debug)]
pub struct FallbackActor<Q: Send + 'static, T: Send + 'static> {
    plan: Plan<Q, T>,
    watchers: Vec<Watcher>,
    kept: Kept,
    /// The timer that tells those who had no room.
    telling: Option<SpawnHandle>,
    rescued: u64,
}

/// How a fallback's actor is made. Its cache starts empty.
pub(crate) fn blueprint<Q, T>(
    strategies: Vec<FallbackStrategy<Q, T>>,
    slot: Slot<FallbackActor<Q, T>>,
) -> Blueprint
where
    Q: Payload + Eq + Hash,
    T: Payload,
{
    let kept = Kept::default();
    let factory = move |me: &Ref<FallbackActor<Q, T>>| {
        slot.fill(me);
        let (plan, kept) = (Plan::new(strategies.clone()), Arc::clone(&kept));
        Ok(FallbackActor { plan, watchers: Vec::new(), kept, telling: None, rescued: 0 })
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

    /// The next life begins with those who watch this one.
    fn keep(&self, me: &ActorPath) {
        let watchers = self.watchers.iter().map(|watcher| watcher.port.clone()).collect();
        let legacy = Legacy { watchers, off: !self.plan.off().is_empty() };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(me.clone(), legacy);
    }

    /// Watchers of the life before, whose actors may have ended since. Nothing is off in a new life.
    fn take_over(&mut self, ctx: &mut Context<Self>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Legacy { watchers, off } = kept.get(ctx.path()).cloned().unwrap_or_default();
        drop(kept);
        let living = watchers.into_iter().filter(|port| !port.any().is_closed());
        self.watchers = living.map(|port| Watcher { port, behind: true }).collect();
        self.watchers.iter().for_each(|watcher| ctx.follow(&watcher.port.any()));
        if off {
            self.features_changed(ctx);
        } else {
            self.tell_watchers(ctx);
        }
    }

    fn features_changed(&mut self, ctx: &mut Context<Self>) {
        let features = self.plan.off();
        // The health of the service listens for these two.
        let topic = if features.is_empty() { FEATURES_ON } else { FEATURES_OFF };
        tracing::warn!(topic, fallback = %ctx.path(), ?features, "features have changed");
        let text = if features.is_empty() { ALL_ON.to_owned() } else { features.join(", ") };
        let path = ctx.path().clone();
        ctx.node().publish(EventKind::Noted { path, topic: topic.to_owned(), text });
        self.watchers.iter_mut().for_each(|watcher| watcher.behind = true);
        self.keep(ctx.path());
        self.tell_watchers(ctx);
    }

    /// Tells the present state to those who do not know it. Who has no room is told later: of
    /// several changes the last one counts.
    fn tell_watchers(&mut self, ctx: &mut Context<Self>) {
        let features = self.plan.off();
        for watcher in self.watchers.iter_mut().filter(|watcher| watcher.behind) {
            let changed = DegradedChanged { features: features.clone() };
            watcher.behind = watcher.port.try_tell(changed).is_err();
        }
        if self.watchers.iter().any(|watcher| watcher.behind) {
            // One timer at a time: a further change starts the pause anew.
            if let Some(timer) = self.telling.take() {
                ctx.cancel_future(timer);
            }
            self.telling = Some(ctx.run_later(TELL_AGAIN, |this, ctx| {
                this.telling = None;
                this.tell_watchers(ctx);
            }));
        }
    }

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

    /// Asks an alternative; should it fail, the strategies after it have their turn.
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
                    match service.ask(question, ALTERNATIVE_WITHIN).await {
                        Ok(Ok(value)) => return Ok(Answer { value, source: Source::Alternative }),
                        Ok(Err(error)) => error,
                        Err(error) => FallbackError::NotThere(error.to_string()),
                    }
                }
            };
            // Back through the mailbox: what comes after may have changed meanwhile.
            let rest = Rescue { query, hops, from: next, answer: std::marker::PhantomData };
            match me.ask(rest).within(ALTERNATIVE_WITHIN).await {
                Ok(Err(FallbackError::Nothing)) => Err(failed),
                Ok(answer) => answer,
                Err(error) => Err(FallbackError::NotThere(error.to_string())),
            }
        };
        Box::pin(asked.into_actor(self).map(|answer, actor, _| {
            actor.rescued += u64::from(answer.is_ok());
            answer
        }))
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Actor for FallbackActor<Q, T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.take_over(ctx);
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Handler<WentWell<Q, T>> for FallbackActor<Q, T> {
    type Result = ();

    fn handle(&mut self, WentWell(query, value): WentWell<Q, T>, ctx: &mut Self::Context) {
        if self.plan.went_well(query, value, ctx.node().now()) {
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

/// A fallback is a service itself: so alternatives can be chained.
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
        self.keep(ctx.path());
        self.tell_watchers(ctx);
        Ok(())
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Handler<LifecycleEvent> for FallbackActor<Q, T> {
    type Result = ();

    fn handle(&mut self, news: LifecycleEvent, ctx: &mut Self::Context) {
        if matches!(news.change, LifeChange::Gone(_)) {
            self.watchers.retain(|watcher| watcher.port.any() != news.of);
            self.keep(ctx.path());
        }
    }
}

impl<Q: Payload + Eq + Hash, T: Payload> Handler<GetDegraded> for FallbackActor<Q, T> {
    type Result = MessageResult<GetDegraded>;

    fn handle(&mut self, _: GetDegraded, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.plan.off())
    }
}
