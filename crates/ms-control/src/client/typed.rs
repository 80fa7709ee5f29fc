//! One method per request, each with its own answer type.

use ms_core::ActorPath;
use ms_core::budget::{AccountView, BudgetStop};
use ms_core::integration::IntegrationMetrics;
use ms_core::task::{NewTask, TaskFilter, TaskId, TaskPage, TaskView};
use ms_core::view::{BlastRadius, TreeNode, WhyRecord};

use super::Client;
use crate::error::ControlError;
use crate::proto::{
    Fault, Found, Injected, NodeInfo, PsSort, PsTable, Reply, Request, StateView, StatisticsView,
    Steered, TaskShown, TaskTaken, TaskVerb, Verb,
};

macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $answer:ty,
       $request:expr => $reply:path;)*) => {
        impl Client {
            $($(#[$doc])*
            ///
            /// # Errors
            /// As [`Client::call`].
            pub async fn $name(&mut self, $($arg: $type),*) -> Result<$answer, ControlError> {
                match self.call($request).await? {
                    $reply(answer) => Ok(answer),
                    other => Err(ControlError::internal("the node gave another answer than asked")
                        .why(format!("{other:.200?}"))),
                }
            })*
        }
    };
}

typed! {
    /// All actors with their work within a window.
    ps(window_ms: u64, sort: PsSort, top: Option<usize>) -> PsTable,
        Request::Ps { window_ms, sort, top } => Reply::Ps;
    /// One actor with its direct children.
    inspect(path: ActorPath) -> Box<TreeNode>, Request::Inspect { path } => Reply::Inspect;
    /// The redacted state of one actor.
    state(path: ActorPath) -> StateView, Request::State { path } => Reply::State;
    /// Why an actor ended, newest first.
    why(path: ActorPath, limit: Option<usize>) -> Vec<WhyRecord>,
        Request::Why { path, limit } => Reply::Why;
    /// Counts by message type.
    statistics(path: ActorPath, on: Option<bool>) -> StatisticsView,
        Request::Statistics { path, on } => Reply::Statistics;
    /// What a steering verb would do.
    dry_run(path: ActorPath, verb: Verb) -> BlastRadius,
        Request::DryRun { path, verb } => Reply::DryRun;
    /// Carries a steering verb out.
    steer(path: ActorPath, verb: Verb, reason: Option<String>) -> Steered,
        Request::Steer { path, verb, reason } => Reply::Steered;
    /// How the components of a service get along.
    integration() -> Box<IntegrationMetrics>, Request::Integration => Reply::Integration;
    /// The node itself.
    info() -> NodeInfo, Request::Info => Reply::Info;
    /// Injects a fault, where the node allows it.
    inject(path: ActorPath, fault: Fault) -> Injected,
        Request::Inject { path, fault } => Reply::Injected;
    /// The budgets that hold an actor, or a part of its subtree.
    budget(path: ActorPath) -> Vec<BudgetStop>, Request::Budget { path } => Reply::Budget;
    /// All budgets, with what is used of them.
    budgets() -> Vec<AccountView>, Request::Budgets => Reply::Budgets;
    /// Permits more of a budget.
    raise_budget(account: ActorPath, unit: String, more: u64, reason: Option<String>) -> AccountView,
        Request::RaiseBudget { account, unit, more, reason } => Reply::BudgetRaised;
    /// Who has a name, or provides a service.
    lookup(name: String) -> Found, Request::Lookup { name } => Reply::Found;
    /// A page of durable tasks.
    tasks(filter: TaskFilter) -> TaskPage, Request::Tasks { filter } => Reply::Tasks;
    /// One durable task.
    task(id: TaskId) -> Box<TaskShown>, Request::Task { id } => Reply::Task;
    /// Submits a durable task; it is on disk when this returns.
    submit_task(task: Box<NewTask>) -> Box<TaskTaken>,
        Request::SubmitTask { task } => Reply::TaskTaken;
    /// Does something to a durable task.
    steer_task(id: TaskId, verb: TaskVerb, reason: Option<String>) -> Box<TaskView>,
        Request::SteerTask { id, verb, reason } => Reply::TaskSteered;
}
