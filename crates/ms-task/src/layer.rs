//! A store before another store: only what is done otherwise is written.

use std::fmt;

use ms_core::task::{NewTask, Submitted, TaskError, TaskFilter, TaskId, TaskPage, TaskView};
use serde_json::Value;

use crate::claims::Held;
use crate::port::{
    ClaimSpec, Claimed, StoreFuture, StoreStats, Submission, Swept, TaskCommand, TaskEnd, TaskStore,
};

/// What a store before another one does otherwise; the rest goes to the inner one as it is.
///
/// Make a [`TaskStore`] of it with [`Layered`].
pub trait StoreLayer: Send + Sync + fmt::Debug + 'static {
    /// The store behind it.
    fn inner(&self) -> &dyn TaskStore;

    /// See [`TaskStore::submit`].
    fn submit(&self, tasks: Vec<Submission>) -> StoreFuture<Vec<Result<Submitted, TaskError>>> {
        self.inner().submit(tasks)
    }

    /// See [`TaskStore::execute`].
    fn execute(&self, commands: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>> {
        self.inner().execute(commands)
    }

    /// See [`TaskStore::claim`].
    fn claim(&self, wish: ClaimSpec) -> StoreFuture<Claimed> {
        self.inner().claim(wish)
    }

    /// See [`TaskStore::take_back`].
    fn take_back(&self, why: String) -> StoreFuture<usize> {
        self.inner().take_back(why)
    }

    /// See [`TaskStore::release_but`].
    fn release_but(&self, held: Held) -> StoreFuture<usize> {
        self.inner().release_but(held)
    }

    /// See [`TaskStore::sweep`].
    fn sweep(&self) -> StoreFuture<Swept> {
        self.inner().sweep()
    }

    /// See [`TaskStore::get`].
    fn get(&self, id: TaskId) -> StoreFuture<Option<TaskView>> {
        self.inner().get(id)
    }
}

/// A layer as the store it makes.
#[derive(Debug, Clone)]
pub struct Layered<L>(pub L);

impl<L: StoreLayer> TaskStore for Layered<L> {
    fn submit(&self, tasks: Vec<Submission>) -> StoreFuture<Vec<Result<Submitted, TaskError>>> {
        self.0.submit(tasks)
    }

    fn execute(&self, commands: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>> {
        self.0.execute(commands)
    }

    fn claim(&self, wish: ClaimSpec) -> StoreFuture<Claimed> {
        self.0.claim(wish)
    }

    fn take_back(&self, why: String) -> StoreFuture<usize> {
        self.0.take_back(why)
    }

    fn release_but(&self, held: Held) -> StoreFuture<usize> {
        self.0.release_but(held)
    }

    fn sweep(&self) -> StoreFuture<Swept> {
        self.0.sweep()
    }

    fn get(&self, id: TaskId) -> StoreFuture<Option<TaskView>> {
        self.0.get(id)
    }

    fn request(&self, id: TaskId) -> StoreFuture<Option<NewTask>> {
        self.0.inner().request(id)
    }

    fn result(&self, id: TaskId) -> StoreFuture<Option<Value>> {
        self.0.inner().result(id)
    }

    fn ends(&self, ids: Vec<TaskId>) -> StoreFuture<Vec<TaskEnd>> {
        self.0.inner().ends(ids)
    }

    fn list(&self, filter: TaskFilter) -> StoreFuture<TaskPage> {
        self.0.inner().list(filter)
    }

    fn stats(&self) -> StoreFuture<StoreStats> {
        self.0.inner().stats()
    }

    fn touch(&self) -> StoreFuture<()> {
        self.0.inner().touch()
    }
}
