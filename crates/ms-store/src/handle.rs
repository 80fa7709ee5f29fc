//! The handle by which others use a store.

use std::future::Future;
use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{Accepts, Context, EventPort, EventSource, LateRef, Placement, Ref, Slot};
use ms_core::task::{
    NewTask, StoreError, Submitted, TaskError, TaskFilter, TaskId, TaskLogEvent, TaskPage,
    TaskSteering, TaskView,
};
use ms_core::view::Tier;
use ms_supervisor::ChildSpec;
use ms_task::budget::{BudgetStore, KeptUsage};
use ms_task::{
    ClaimSpec, Claimed, Held, StoreFuture, StoreStats, Submission, Swept, TaskCommand, TaskEnd,
    TaskStore,
};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::actor::StoreActor;
use crate::config::StoreConfig;
use crate::messages::{CloseFile, Read, Reply, Touch, Write};
use crate::tenancy::Holding;

/// Makes a store in a file: the child that owns it, and a handle to it.
///
/// The handle works before the child has started (calls wait, within their deadline) and over
/// its restarts.
///
/// ```
/// use ms_store::{StoreConfig, sqlite};
/// let (store, child) = sqlite("store", StoreConfig::new("/var/lib/app/tasks.db"));
/// assert_eq!(child.id().expect("valid").as_str(), "store");
/// # let _ = store;
/// ```
pub fn sqlite(id: impl AsRef<str>, config: StoreConfig) -> (SqliteTasks, ChildSpec) {
    let within = config.answer_within;
    let slot = Slot::new();
    let actor = slot.late();
    let holding = Holding::new();
    let held = holding.clone();
    let factory = move |me: &Ref<StoreActor>| {
        slot.fill(me);
        Ok(StoreActor::new(config.clone(), holding.clone()))
    };
    let blueprint = Blueprint::with_view(factory, Tier::Kernel, Some(StoreActor::view));
    // On a thread of its own: an agent that blocks its arbiter must not hold up all commits.
    let child = ChildSpec::blueprint(id, blueprint).placement(Placement::Dedicated);
    (SqliteTasks { actor, within, holding: held }, child)
}

/// A handle to a store; cheap to clone. See [`TaskStore`] for what it can do.
#[derive(Debug, Clone)]
pub struct SqliteTasks {
    actor: LateRef<StoreActor>,
    within: Duration,
    holding: Holding,
}

impl SqliteTasks {
    /// Writes the waiting requests and closes the file without ending its actor: for the end of a
    /// process that cannot stop in order. Later requests are refused. Closing a closed store
    /// succeeds.
    ///
    /// # Errors
    /// [`StoreError`]: it could not be asked, or not in time.
    ///
    /// # Cancel safety
    /// Dropped early, the file is closed all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        match self.is_closed() {
            true => Ok(()),
            false => self.call(CloseFile).await,
        }
    }

    /// Returns the events about tasks: the last 8,192 and those to come, with numbers of their own.
    /// An event is published once the change is on disk.
    #[must_use]
    pub fn events(&self) -> &EventSource<TaskLogEvent> {
        self.holding.events().source()
    }

    /// Returns the end of the log of these events that a node is given: it reads them, and adds who
    /// steered which task.
    #[must_use]
    pub fn event_port(&self) -> EventPort<TaskLogEvent, TaskSteering> {
        self.holding.events().port()
    }

    /// Returns whether its file is closed: nothing in this process has its lock.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.holding.is_free()
    }

    /// Sends a request and waits for its answer, all within the deadline.
    pub(crate) fn call<M, T>(&self, message: impl FnOnce(Reply<T>) -> M) -> StoreFuture<T>
    where
        M: actix::Message<Result = ()> + Send + 'static,
        T: Send + 'static,
        Context<StoreActor>: Accepts<StoreActor, M>,
    {
        let (reply, answer) = oneshot::channel();
        let message = message(reply);
        let (actor, within) = (self.actor.clone(), self.within);
        let call = async move {
            let unknown = |what: &str| StoreError::Unknown(what.to_owned());
            if !actor.filled().await {
                return Err(StoreError::Away("it was never started".to_owned()));
            }
            let Some(actor) = actor.get() else {
                return Err(StoreError::Away("it has ended for good".to_owned()));
            };
            if let Err(error) = actor.tell(message).await {
                return Err(StoreError::Away(error.to_string()));
            }
            let answered = actor.any().answer_of(answer).await;
            answered.unwrap_or_else(|| Err(unknown("it ended meanwhile")))
        };
        Box::pin(deadline(within, call))
    }
}

async fn deadline<T>(
    within: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(within, call)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unknown(format!("timed out after {within:?}"))))
}

impl TaskStore for SqliteTasks {
    fn submit(&self, tasks: Vec<Submission>) -> StoreFuture<Vec<Result<Submitted, TaskError>>> {
        self.call(|reply| Write::Submit(tasks, reply))
    }

    fn execute(&self, commands: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>> {
        self.call(|reply| Write::Execute(commands, reply))
    }

    fn claim(&self, wish: ClaimSpec) -> StoreFuture<Claimed> {
        self.call(|reply| Write::Claim(wish, reply))
    }

    fn take_back(&self, why: String) -> StoreFuture<usize> {
        self.call(|reply| Write::TakeBack(why, reply))
    }

    fn release_but(&self, held: Held) -> StoreFuture<usize> {
        self.call(|reply| Write::ReleaseBut(held, reply))
    }

    fn sweep(&self) -> StoreFuture<Swept> {
        self.call(Write::Sweep)
    }

    fn touch(&self) -> StoreFuture<()> {
        self.call(Touch)
    }

    fn get(&self, id: TaskId) -> StoreFuture<Option<TaskView>> {
        self.call(|reply| Read::Get(id, reply))
    }

    fn request(&self, id: TaskId) -> StoreFuture<Option<NewTask>> {
        self.call(|reply| Read::Request(id, reply))
    }

    fn result(&self, id: TaskId) -> StoreFuture<Option<Value>> {
        self.call(|reply| Read::Result(id, reply))
    }

    fn ends(&self, ids: Vec<TaskId>) -> StoreFuture<Vec<TaskEnd>> {
        self.call(|reply| Read::Ends(ids, reply))
    }

    fn list(&self, filter: TaskFilter) -> StoreFuture<TaskPage> {
        self.call(|reply| Read::List(filter, reply))
    }

    fn stats(&self) -> StoreFuture<StoreStats> {
        self.call(Read::Stats)
    }
}

impl BudgetStore for SqliteTasks {
    fn kept(&self) -> StoreFuture<Vec<KeptUsage>> {
        self.call(Read::Budgets)
    }

    fn keep(&self, usage: Vec<KeptUsage>) -> StoreFuture<()> {
        self.call(|reply| Write::Budgets(usage, reply))
    }
}
