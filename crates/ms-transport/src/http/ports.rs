//! What the API asks of the rest of the system, which it does not know.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use ms_core::ActorPath;
use ms_core::budget::{AccountView, Budget};
use ms_core::health::HealthStatus;
use ms_core::integration::IntegrationMetrics;
use ms_core::task::{
    NewTask, StoreError, Submitted, TaskError, TaskFilter, TaskId, TaskPage, TaskView,
};
use serde_json::Value;

use super::gateway::Gate;

/// A future of a port.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A call about tasks: the store as a whole may fail, or the one task be refused.
pub type TaskAnswer<T> = Result<Result<T, TaskError>, StoreError>;

/// Tasks, as the dispatcher and its store have them.
pub trait TasksPort: Send + Sync + 'static {
    /// Takes new tasks, durably, and says of each what came of it, in their order.
    fn submit(
        &self,
        tasks: Vec<NewTask>,
    ) -> PortFuture<'_, Result<Vec<Result<Submitted, TaskError>>, StoreError>>;

    /// One task.
    fn get(&self, id: TaskId) -> PortFuture<'_, Result<Option<TaskView>, StoreError>>;

    /// The result of a completed task.
    fn result(&self, id: TaskId) -> PortFuture<'_, Result<Option<Value>, StoreError>>;

    /// A page of tasks.
    fn list(&self, filter: TaskFilter) -> PortFuture<'_, Result<TaskPage, StoreError>>;

    /// Gives a task up.
    fn cancel(&self, id: TaskId) -> PortFuture<'_, TaskAnswer<TaskView>>;

    /// Tries a task again that failed or is among the dead letters.
    fn retry(&self, id: TaskId) -> PortFuture<'_, TaskAnswer<TaskView>>;
}

/// Which question a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Probe {
    /// Has the start finished?
    Startup,
    /// Does the node turn? No dependency is looked at.
    Liveness,
    /// May it be sent work?
    Readiness,
}

/// What a probe is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthAnswer {
    /// 200 or 503.
    pub ok: bool,
    /// The report.
    pub report: Value,
}

/// The health of the node.
pub trait HealthPort: Send + Sync + 'static {
    /// Answers a probe, within the time limits of its checks.
    fn probe(&self, probe: Probe) -> PortFuture<'_, HealthAnswer>;

    /// What is known of the health of these actors beside their life, in their order: that of the
    /// components they are part of. Unless it says otherwise, nothing.
    fn of(&self, actors: Vec<ActorPath>) -> PortFuture<'_, Vec<Option<HealthStatus>>> {
        Box::pin(std::future::ready(vec![None; actors.len()]))
    }
}

/// How the components of the node get along.
pub trait IntegrationPort: Send + Sync + 'static {
    /// What is known now; `None` if nobody knows.
    fn metrics(&self) -> PortFuture<'_, Option<IntegrationMetrics>>;
}

/// Why a call about budgets did not do what was asked, in words for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetRefusal {
    /// There is no budget for that path.
    #[error("{0}")]
    NoBudget(String),
    /// The budget does not limit that unit.
    #[error("{0}")]
    NoUnit(String),
    /// They do not answer; what was asked may still be carried out.
    #[error("{0}")]
    NoAnswer(String),
}

/// What agents may use.
pub trait BudgetsPort: Send + Sync + 'static {
    /// All budgets with what is used of them.
    fn usage(&self) -> PortFuture<'_, Result<Vec<AccountView>, BudgetRefusal>>;

    /// Permits more of a budget, durably where budgets are kept; gives it as it is then.
    fn raise(
        &self,
        account: ActorPath,
        more: Budget,
    ) -> PortFuture<'_, Result<AccountView, BudgetRefusal>>;
}

/// Lets work in, for gateways of a node that counts what is inside before it stops.
pub trait Admission: Send + Sync + 'static {
    /// Lets one request in; it is inside until what this returns is dropped.
    ///
    /// # Errors
    /// [`Gate::Starting`] or [`Gate::Draining`]: the request is answered 503.
    fn enter(&self) -> Result<Box<dyn Any + Send>, Gate>;

    /// Resolves when it lets nothing in any more, for good: then nobody waits any longer for
    /// requests that have not arrived. Unless it says otherwise, never.
    fn closed(&self) -> PortFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}
