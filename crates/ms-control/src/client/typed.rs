//! A method for each operation that `msctl` has a verb for.

use ms_core::ActorPath;
use ms_core::budget::{AccountView, BudgetStop};
use ms_core::interactions::InteractionMetrics;
use ms_core::task::{NewTask, TaskFilter, TaskId, TaskPage, TaskView};
use ms_core::view::{BlastRadius, TreeNode, WhyRecord};
use ms_ops::ops::{
    BudgetStops, CancelTask, CountMessages, DryRun, Fault, Info, Inject, Inspect, Interactions,
    ListBudgets, ListTasks, Lookup, Ps, PsSort, RaiseBudget, ReadState, RetryTask, ShowTask,
    Statistics, SteerActor, SubmitTask, Verb, Why,
};
use ms_ops::views::{
    Found, Injected, NodeInfo, PsTable, StateView, StatisticsView, Steered, TaskDetails, TaskTaken,
};

use super::Client;
use crate::error::ControlError;
use crate::proto::TaskVerb;

macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $answer:ty, $op:expr;)*) => {
        impl Client {
            $($(#[$doc])*
            ///
            /// # Errors
            /// As [`Client::call`].
            pub async fn $name(&mut self, $($arg: $type),*) -> Result<$answer, ControlError> {
                self.call($op).await
            })*
        }
    };
}

typed! {
    /// Reads all actors with their work within a window.
    ps(window_ms: u64, sort: PsSort, top: Option<usize>) -> PsTable, Ps { window_ms, sort, top };
    /// Reads the redacted state of one actor.
    state(path: ActorPath) -> StateView, ReadState { path };
    /// Reads why an actor ended, newest first.
    why(path: ActorPath, limit: Option<usize>) -> Vec<WhyRecord>, Why { path, limit };
    /// Foretells what a steering verb would do.
    dry_run(path: ActorPath, verb: Verb) -> BlastRadius, DryRun { path, verb };
    /// Carries a steering verb out.
    steer(path: ActorPath, verb: Verb, reason: Option<String>) -> Steered,
        SteerActor { path, verb, reason, incarnation: None, request_id: None };
    /// Reads how the components of a service interact.
    interactions() -> Box<InteractionMetrics>, Interactions {};
    /// Reads the facts of the node itself.
    info() -> NodeInfo, Info {};
    /// Injects a fault, where the node allows it.
    inject(path: ActorPath, fault: Fault) -> Injected,
        Inject { path, fault, incarnation: None, request_id: None };
    /// Reads the budgets that hold an actor, or a part of its subtree.
    budget(path: ActorPath) -> Vec<BudgetStop>, BudgetStops { path };
    /// Reads all budgets, with what is used of them.
    budgets() -> Vec<AccountView>, ListBudgets {};
    /// Permits more of a budget.
    raise_budget(account: ActorPath, unit: String, more: u64, reason: Option<String>) -> AccountView,
        RaiseBudget { account, unit, more, reason, request_id: None };
    /// Finds the holder of a name, or the provider of a service.
    lookup(name: String) -> Found, Lookup { name };
    /// Reads a page of durable tasks.
    tasks(filter: TaskFilter) -> TaskPage, ListTasks { filter };
    /// Reads one durable task.
    task(id: TaskId) -> TaskDetails, ShowTask { id };
    /// Submits a durable task; it is on disk when this returns.
    submit_task(task: Box<NewTask>) -> TaskTaken, SubmitTask { task };
}

impl Client {
    /// Reads one actor with its direct children.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn inspect(&mut self, path: ActorPath) -> Result<Box<TreeNode>, ControlError> {
        Ok(self.call(Inspect { path }).await?.0)
    }

    /// Carries a verb out on a durable task.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn steer_task(
        &mut self,
        id: TaskId,
        verb: TaskVerb,
        reason: Option<String>,
    ) -> Result<TaskView, ControlError> {
        match verb {
            TaskVerb::Cancel => self.call(CancelTask { id, reason, request_id: None }).await,
            TaskVerb::Retry => self.call(RetryTask { id, reason, request_id: None }).await,
        }
    }

    /// Reads the counts of an actor by message type; `on` starts or ends counting.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn statistics(
        &mut self,
        path: ActorPath,
        on: Option<bool>,
    ) -> Result<StatisticsView, ControlError> {
        match on {
            Some(on) => {
                let (incarnation, request_id) = (None, None);
                self.call(CountMessages { path, on, incarnation, request_id }).await
            }
            None => self.call(Statistics { path }).await,
        }
    }
}
