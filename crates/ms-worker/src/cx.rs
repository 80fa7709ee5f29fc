//! The context that an agent gets in every handler.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{AsyncContext, Message};
use ms_actor::{Context, Node};
use ms_core::budget::OverBudget;
use ms_core::{ActorPath, ExitReason, Incarnation};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::actor::{AgentActor, AgentRef};
use crate::agent::{Agent, Handles};
use crate::budgets::Meter;
use crate::state::{AgentState, KeptState, StateError, StateKeeper};

/// Something to be done with the actor once the handler has returned.
type Later<G> = Box<dyn FnOnce(&mut Context<AgentActor<G>>)>;

/// The agent's access to its surroundings.
pub struct Cx<G: Agent> {
    me: AgentRef<G>,
    node: Node,
    incarnation: Incarnation,
    deadline: Option<Instant>,
    cancelled: watch::Receiver<bool>,
    later: Rc<RefCell<Vec<Later<G>>>>,
    meter: Option<Meter>,
    pool_args: Option<Arc<G::Args>>,
    keeper: Option<Arc<dyn StateKeeper>>,
}

impl<G: Agent> Cx<G> {
    pub(crate) fn new(
        ctx: &Context<AgentActor<G>>,
        pool_args: Option<Arc<G::Args>>,
        cancelled: watch::Receiver<bool>,
        meter: Option<Meter>,
        keeper: Option<Arc<dyn StateKeeper>>,
    ) -> Self {
        Self {
            me: ctx.me(),
            node: ctx.node().clone(),
            incarnation: ctx.incarnation(),
            deadline: ctx.deadline(),
            cancelled,
            later: Rc::default(),
            meter,
            pool_args,
            keeper,
        }
    }

    /// Takes the actions that wait for the end of the handler.
    pub(crate) fn take_later(&self) -> Vec<Later<G>> {
        self.later.borrow_mut().drain(..).collect()
    }

    fn later(&self, what: impl FnOnce(&mut Context<AgentActor<G>>) + 'static) {
        self.later.borrow_mut().push(Box::new(what));
    }

    /// Returns a reference to this agent that stays valid over its restarts.
    #[must_use]
    pub fn me(&self) -> &AgentRef<G> {
        &self.me
    }

    /// Returns the agent's path in the tree.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        self.me.path()
    }

    /// Returns its name: the last segment of its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.me.path().name()
    }

    /// Returns the number of this start.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Returns the node it lives on.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Returns when the caller stops waiting, or when the attempt at a task has had its time;
    /// `None` for a tell.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) const fn set_deadline(&mut self, at: Instant) {
        self.deadline = Some(at);
    }

    /// Returns a watch that turns true when the agent is asked to stop.
    pub(crate) fn cancellation(&self) -> watch::Receiver<bool> {
        self.cancelled.clone()
    }

    /// Returns whether the agent was asked to stop. A long handler checks now and then and returns
    /// early: an agent over its shutdown time is killed.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Waits until the agent is asked to stop; for `select!`.
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        // The sender lives in the actor: its end is the end of this future as well.
        drop(cancelled.wait_for(|&cancelled| cancelled).await);
    }

    /// Counts what this agent has used of a unit of its budgets: tokens, money. Does nothing for an
    /// agent without budgets and for a unit that none of them limits.
    ///
    /// # Errors
    /// A budget is used up: this handler may go on, the next message will be held.
    pub async fn spend(&self, unit: &str, amount: u64) -> Result<(), OverBudget> {
        match &self.meter {
            Some(meter) => meter.charge(unit, amount).await,
            None => Ok(()),
        }
    }

    /// Returns the arguments that the agents of its pool are made of; `None` outside of a pool.
    pub(crate) fn pool_args(&self) -> Option<&G::Args> {
        self.pool_args.as_deref()
    }

    /// Saves the agent's state; it is on disk when this returns, in place of the one before.
    /// The next life of this agent, in this process or the next, finds it with [`Cx::saved`].
    ///
    /// # Errors
    /// [`StateError`]: no keeper is set, the state cannot be written as JSON, or the keeper
    /// did not write it; the state saved before is then untouched.
    ///
    /// # Cancel safety
    /// Dropped before it is done, the state may have been saved.
    pub async fn save<S: AgentState>(&self, state: &S) -> Result<(), StateError> {
        let keeper = self.keeper.as_ref().ok_or(StateError::NotKept)?;
        let kept = KeptState::of(state)?;
        keeper.save(self.path(), self.incarnation, kept).await
    }

    /// Returns the newest good state that this agent has saved, brought up to the present schema;
    /// `None` if there is none, or nothing keeps states. The keeper passes over damaged saves.
    ///
    /// # Errors
    /// [`StateError`]: it cannot be read, is of a newer program, or has no way up. Whether the
    /// agent starts afresh then is its own decision.
    pub async fn saved<S: AgentState>(&self) -> Result<Option<S>, StateError> {
        let Some(keeper) = &self.keeper else { return Ok(None) };
        keeper.newest(self.path()).await?.map(|kept| kept.read()).transpose()
    }

    /// Sends a heartbeat: a handler that takes long is not hung.
    pub fn heartbeat(&self) {
        self.me.heartbeat();
    }

    /// Ends the agent with an error when this handler returns: "let it crash", with a reason.
    pub fn fail(&self, error: impl Into<Box<dyn Error + Send + Sync>>) {
        let error = error.into();
        self.later(move |ctx| ctx.fail(error));
    }

    /// Stops the agent in an orderly way when this handler returns; a normal end.
    pub fn stop(&self) {
        self.later(|ctx| ctx.stop_with(ExitReason::Normal));
    }

    /// Delivers `message` to this very incarnation `after` this handler returns.
    pub fn schedule<M>(&self, after: Duration, message: M)
    where
        G: Handles<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.later(move |ctx| {
            ctx.notify_later(message, after);
        });
    }
}

impl<G: Agent> fmt::Debug for Cx<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cx({}{})", self.path(), self.incarnation)
    }
}
