//! The actor that hosts an agent.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use actix::fut::ActorFutureExt;
use actix::{
    Actor, ActorContext, AsyncContext, AtomicResponse, Handler, Message, Running, WrapFuture,
};
use ms_actor::{Context, Ref, StateValue};
use ms_core::ExitReason;
use tokio::sync::watch;

use crate::agent::{Agent, Handles, InitError};
use crate::budgets::Meter;
use crate::cx::Cx;
use crate::state::StateKeeper;
use crate::tasks::Perform;

/// A reference to an agent.
pub type AgentRef<G> = Ref<AgentActor<G>>;

/// Hosts an agent. Its futures share the state with it, one at a time.
///
/// The state lies beside the future that works on it, not inside: when a handler
/// panics, unwinding drops the future only, and the state is dropped afterwards
/// where a second panic, in its `Drop`, does no harm.
pub struct AgentActor<G: Agent> {
    args: Option<G::Args>,
    /// The arguments of its pool, which its tasks are checked with. Shared: a pool may be large.
    pool_args: Option<Arc<G::Args>>,
    held: Rc<RefCell<Option<G>>>,
    cancel: watch::Sender<bool>,
    ending: Ending,
    meter: Option<Meter>,
    keeper: Option<Arc<dyn StateKeeper>>,
}

/// The stage of an orderly stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// Asked to stop; a handler is still at work.
    AfterHandler,
    /// `terminate` runs.
    Terminating,
    Done,
}

// The arguments are moved out once, never pinned.
impl<G: Agent> Unpin for AgentActor<G> {}

impl<G: Agent> AgentActor<G> {
    pub(crate) fn new(args: G::Args) -> Self {
        Self {
            args: Some(args),
            pool_args: None,
            held: Rc::default(),
            cancel: watch::Sender::new(false),
            ending: Ending::No,
            meter: None,
            keeper: None,
        }
    }

    /// Puts the agent under the budgets of this meter.
    pub(crate) fn metered(self, meter: Option<Meter>) -> Self {
        Self { meter, ..self }
    }

    /// Makes the agent one of a pool, whose agents are made of `args`.
    pub(crate) fn of_pool(self, args: Arc<G::Args>) -> Self {
        Self { pool_args: Some(args), ..self }
    }

    /// Sets the keeper of the agent's state.
    pub(crate) fn kept_by(self, keeper: Option<Arc<dyn StateKeeper>>) -> Self {
        Self { keeper, ..self }
    }

    pub(crate) fn view(&self) -> StateValue {
        match self.held.try_borrow() {
            Ok(held) => held.as_ref().map_or(StateValue::Null, Agent::state),
            // A handler holds the state: inspection must not wait for it.
            Err(_) => StateValue::map(
                [("busy", true)].map(|(name, value)| (name, StateValue::from(value))),
            ),
        }
    }

    fn cx(&self, ctx: &Context<Self>) -> Cx<G> {
        let args = self.pool_args.clone();
        Cx::new(ctx, args, self.cancel.subscribe(), self.meter.clone(), self.keeper.clone())
    }

    /// Carries out what a handler asked for, then the stop that waited for it.
    fn after_handler(&mut self, cx: &Cx<G>, ctx: &mut Context<Self>) {
        cx.take_later().into_iter().for_each(|later| later(ctx));
        if self.ending == Ending::AfterHandler {
            self.begin_terminate(ctx);
        }
    }

    #[allow(
        clippy::await_holding_refcell_ref,
        reason = "one future at a time holds the state; the kernel waits for it"
    )]
    fn begin_terminate(&mut self, ctx: &mut Context<Self>) {
        self.ending = Ending::Terminating;
        let reason = ctx.stop_reason().cloned().unwrap_or(ExitReason::Normal);
        let (held, mut cx) = (Rc::clone(&self.held), self.cx(ctx));
        let terminate = async move {
            if let Some(agent) = held.borrow_mut().as_mut() {
                agent.terminate(&reason, &mut cx).await;
            }
        };
        ctx.wait(terminate.into_actor(self).map(|(), this, ctx| {
            this.ending = Ending::Done;
            ctx.stop();
        }));
    }
}

impl<G: Agent> Actor for AgentActor<G> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(args) = self.args.take() else { return };
        let mut cx = self.cx(ctx);
        let init = async move {
            let made = G::init(args, &mut cx).await;
            (made, cx)
        };
        ctx.wait(init.into_actor(self).map(|(made, cx), this, ctx| match made {
            Ok(agent) => {
                *this.held.borrow_mut() = Some(agent);
                this.after_handler(&cx, ctx);
            }
            Err(InitError::Ignore) => ctx.ignore(),
            Err(InitError::Failed(error)) => ctx.fail(error),
        }));
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        match self.ending {
            Ending::Done => return Running::Stop,
            Ending::AfterHandler | Ending::Terminating => return Running::Continue,
            Ending::No => {}
        }
        // Before anything else: a handler at work sees it and may return early.
        self.cancel.send_replace(true);
        let busy = self.held.try_borrow_mut().is_err();
        if busy {
            self.ending = Ending::AfterHandler;
        } else {
            self.begin_terminate(ctx);
        }
        Running::Continue
    }
}

impl<G, M> Handler<M> for AgentActor<G>
where
    G: Handles<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    type Result = AtomicResponse<Self, M::Result>;

    #[allow(
        clippy::await_holding_refcell_ref,
        reason = "one future at a time holds the state; the kernel waits for it"
    )]
    #[allow(clippy::expect_used, reason = "no message is served before the init is done")]
    fn handle(&mut self, message: M, ctx: &mut Self::Context) -> Self::Result {
        let (held, mut cx) = (Rc::clone(&self.held), self.cx(ctx));
        let meter = self.meter.clone();
        // The dispatcher has drawn for a task before it gave it to this agent.
        let is_drawn = TypeId::of::<M>() == TypeId::of::<Perform>();
        let work = async move {
            if let Some(meter) = meter.as_ref().filter(|_| !is_drawn) {
                meter.draw().await;
            }
            // A guard, so that the time of a handler that panics is counted as well.
            let _stopwatch = meter.as_ref().map(Meter::stopwatch);
            let mut held = held.borrow_mut();
            let agent = held.as_mut().expect("an agent's init is done before its first message");
            let answer = agent.on(message, &mut cx).await;
            drop(held);
            (answer, cx)
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|(answer, cx), this, ctx| {
            this.after_handler(&cx, ctx);
            answer
        })))
    }
}

impl<G: Agent> fmt::Debug for AgentActor<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentActor").field("ending", &self.ending).finish_non_exhaustive()
    }
}
