//! What an agent is given and what it gives back.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use ms_core::Invalid;
use ms_core::task::{TaskFailure, TaskView};
use ms_task::{Assignment, TaskStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::cx::TaskCx;
use super::run::run;
use super::vigil::{SignOfLife, Vigil};
use crate::agent::{Agent, Handles};
use crate::cx::Cx;

/// An agent that does durable tasks.
///
/// It is given one at a time. A panic ends the agent, as with every message; the task is
/// tried again with another life, or another agent, until its attempts are used up.
///
/// The work may be dropped at any `await`: when the task is cancelled, takes too long, was
/// given to somebody else meanwhile, or when the agent is told to stop. In the last case the task is
/// handed back, and the attempt does not count. It may also be done more than once: what it does to the
/// outside should carry the task's id as an idempotency key. What is recorded of it
/// is recorded once.
///
/// ```
/// use ms_core::task::TaskFailure;
/// use ms_worker::tasks::{Performs, Task, TaskCx};
/// use ms_worker::{Agent, Cx, InitError};
///
/// struct Adder;
///
/// impl Agent for Adder {
///     type Args = ();
///     async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
///         Ok(Adder)
///     }
/// }
///
/// impl Performs for Adder {
///     type Payload = Vec<u64>;
///     type Output = u64;
///     async fn perform(
///         &mut self,
///         task: Task<Vec<u64>>,
///         _: &mut TaskCx<'_, Self>,
///     ) -> Result<u64, TaskFailure> {
///         task.payload.iter().try_fold(0_u64, |sum, &n| sum.checked_add(n)).ok_or_else(|| {
///             TaskFailure::permanent("the sum is too large for any attempt")
///         })
///     }
/// }
/// ```
pub trait Performs: Agent {
    /// What a task carries. A submission with a payload that is none is refused, with the place;
    /// one that was stored by another version of the program fails for good.
    type Payload: DeserializeOwned;
    /// Its result.
    type Output: Serialize;

    /// Whether its agents cannot do a task where nothing keeps their states: tasks of such a kind
    /// are then refused at the submission, and not found to be in vain when an agent saves.
    const NEEDS_STATE: bool = false;

    /// Checks what the type of a payload cannot say: bounds, what belongs together. It is asked
    /// at the submission, in whoever submits, and again before the work; `args` is what agents
    /// of the kind are made of. It must be quick and wait for nothing.
    ///
    /// # Errors
    /// [`Invalid`] with the first part that is wrong.
    fn validate(args: &Self::Args, payload: &Self::Payload) -> Result<(), Invalid> {
        let _ = (args, payload);
        Ok(())
    }

    /// Does one task.
    ///
    /// # Errors
    /// What `?` makes of any error is tried again; [`TaskFailure::permanent`] is not.
    fn perform(
        &mut self,
        task: Task<Self::Payload>,
        cx: &mut TaskCx<'_, Self>,
    ) -> impl Future<Output = Result<Self::Output, TaskFailure>>;
}

/// A task in an agent's hands.
#[derive(Debug, Clone)]
pub struct Task<P = Value> {
    /// What it carries.
    pub payload: P,
    /// The task as it was when it was given to this agent.
    pub view: TaskView,
}

/// A task for an agent, and all that its run needs.
pub(crate) struct Perform {
    pub(crate) assignment: Assignment,
    pub(crate) store: Arc<dyn TaskStore>,
    /// What the dispatcher wants of the attempt; its end means that the dispatcher is gone.
    pub(crate) orders: watch::Receiver<Orders>,
    /// The lease, and until when the agent may rely on it.
    pub(crate) lease: Duration,
    pub(crate) held_until: Instant,
    /// Longest time of the attempt.
    pub(crate) limit: Duration,
    pub(crate) vigil: Vigil,
    pub(crate) sign: SignOfLife,
}

/// What a dispatcher wants of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orders {
    GoOn,
    /// The task is nobody's any more.
    Drop,
    /// All is being stopped: the task is for another time.
    HandBack,
}

impl Message for Perform {
    type Result = Performed;
}

impl fmt::Debug for Perform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Perform({})", self.assignment.view.id)
    }
}

/// What became of a [`Perform`].
#[derive(Debug)]
pub(crate) enum Performed {
    /// The agent's answer.
    Done(Result<Value, TaskFailure>),
    /// It came too late to be begun.
    NotBegun,
    /// The work was dropped: the task is somebody else's, or nobody's.
    Dropped,
    /// The agent gave the task back; it may start again after this time.
    HandedBack(Duration),
}

impl<G: Performs> Handles<Perform> for G {
    async fn on(&mut self, perform: Perform, cx: &mut Cx<Self>) -> Performed {
        run(self, perform, cx).await
    }
}
