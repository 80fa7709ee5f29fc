//! The trait of agents that do durable tasks.

use std::future::Future;

use ms_core::Invalid;
use ms_core::task::{TaskFailure, TaskView};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cx::TaskCx;
use crate::agent::Agent;

/// An agent that does durable tasks.
///
/// It gets one at a time. A panic ends the agent, as with every message; the task is
/// tried again with another life, or another agent, until its attempts are used up.
///
/// The work may be dropped at any `await`: when the task is cancelled, takes too long, was given
/// to another agent meanwhile, or when the agent is asked to stop. In the last case the task is
/// handed back, and the attempt does not count. It may also run more than once: its calls to the
/// outside should carry the task's id as an idempotency key. Its outcome is recorded once.
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
    /// The input of a task. A submission with a payload of another type is refused, with the place;
    /// one that was stored by another version of the program fails for good.
    type Payload: DeserializeOwned;
    /// Its result.
    type Output: Serialize;

    /// Whether its agents cannot do a task where nothing keeps their states: tasks of such a kind
    /// are then refused at submission instead of failing when an agent saves.
    const NEEDS_STATE: bool = false;

    /// Checks what the type of a payload cannot express: bounds, fields that depend on each other.
    /// It runs at submission, in the submitter's thread, and again before the work; `args` are the
    /// arguments of the kind's agents. It must be quick and wait for nothing.
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
    /// Errors converted with `?` are tried again; [`TaskFailure::permanent`] is not.
    fn perform(
        &mut self,
        task: Task<Self::Payload>,
        cx: &mut TaskCx<'_, Self>,
    ) -> impl Future<Output = Result<Self::Output, TaskFailure>>;
}

/// A task in an agent's hands.
#[derive(Debug, Clone)]
pub struct Task<P = Value> {
    /// Its input.
    pub payload: P,
    /// The task as it was when it was given to this agent.
    pub view: TaskView,
}
