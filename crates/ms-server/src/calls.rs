//! Reports the calls between the components of the server where they are made.

use std::time::Duration;

use ms_core::task::{TaskError, TaskView};
use ms_ops::ops::{
    CancelTask, GetTask, ListTasks, RetryTask, ShowTask, SubmitBatch, SubmitTask, TaskOutcome,
};
use ms_ops::{Door, Ending, Observe, Operation};
use ms_runtime::logic::interactions::CallOutcome;
use ms_runtime::{CallReporter, Calls};
use ms_store::SqliteTasks;
use ms_task::{ClaimSpec, Claimed, Held, StoreFuture, StoreLayer, Swept, TaskCommand, TaskStore};

/// Reports the calls that the component `transport` makes.
#[derive(Debug, Clone)]
pub(crate) struct FromTransport {
    /// Tasks that are stored and looked up.
    to_database: CallReporter,
    /// Orders for the dispatcher.
    to_application: CallReporter,
}

impl FromTransport {
    pub(crate) fn new(calls: &Calls) -> Self {
        Self {
            to_database: calls.between("transport", "database"),
            to_application: calls.between("transport", "application"),
        }
    }
}

/// The desk carries out the requests, so it is observed; other callers than HTTP clients are no
/// calls of the component `transport`.
impl Observe for FromTransport {
    fn ended(&self, operation: &'static str, door: Door, took: Duration, ending: Ending) {
        let to = match operation {
            _ if door != Door::Http => return,
            SubmitTask::NAME
            | SubmitBatch::NAME
            | GetTask::NAME
            | ShowTask::NAME
            | TaskOutcome::NAME
            | ListTasks::NAME => &self.to_database,
            CancelTask::NAME | RetryTask::NAME => &self.to_application,
            _ => return,
        };
        to.report(
            took,
            match ending {
                Ending::Done => CallOutcome::Done,
                Ending::Failed => CallOutcome::Failed,
                Ending::GivenUp => CallOutcome::GivenUp,
            },
        );
    }
}

/// The store as the component `application` uses it: it reports what the dispatcher and the agents
/// ask of it. Requests of clients go through here too, but are reported as calls of `transport`.
#[derive(Debug, Clone)]
pub(crate) struct WatchedStore {
    store: SqliteTasks,
    calls: CallReporter,
}

impl WatchedStore {
    pub(crate) fn new(store: SqliteTasks, calls: &Calls) -> Self {
        Self { store, calls: calls.between("application", "database") }
    }

    fn watched<T: Send + 'static>(&self, call: StoreFuture<T>) -> StoreFuture<T> {
        let calls = self.calls.clone();
        Box::pin(async move { calls.time(call).await })
    }
}

impl StoreLayer for WatchedStore {
    fn inner(&self) -> &dyn TaskStore {
        &self.store
    }

    fn execute(&self, commands: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>> {
        self.watched(self.store.execute(commands))
    }

    fn claim(&self, wish: ClaimSpec) -> StoreFuture<Claimed> {
        self.watched(self.store.claim(wish))
    }

    fn take_back(&self, why: String) -> StoreFuture<usize> {
        self.watched(self.store.take_back(why))
    }

    fn release_but(&self, held: Held) -> StoreFuture<usize> {
        self.watched(self.store.release_but(held))
    }

    fn sweep(&self) -> StoreFuture<Swept> {
        self.watched(self.store.sweep())
    }
}
