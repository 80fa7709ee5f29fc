//! The component `inventory`: what an earlier run has left, found out before anybody works.

use std::sync::Arc;

use ms_runtime::{Component, ComponentContext, ComponentFailure};
use ms_store::SqliteTasks;
use ms_task::TaskStore;

use crate::board::{Board, Found};

/// Counts what is there, once a run.
#[derive(Debug, Clone)]
pub(crate) struct Inventory {
    pub(crate) store: SqliteTasks,
    pub(crate) board: Arc<Board>,
}

impl Component for Inventory {
    async fn init(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        // A later life of it: by now tasks are with auditors of this run.
        if self.board.found().is_some() {
            return Ok(());
        }
        let stats = self.store.stats().await?;
        let is_resumed = stats.tasks.values().flat_map(|states| states.values()).any(|&n| n > 0);
        let why = "the run it was part of ended".to_owned();
        let in_doubt = self.store.take_back(why).await?;
        // Only now: a lease of the last run, which nobody could renew, is no failed attempt.
        let began = self.store.sweep().await?.now;
        self.board.set_found(Found { is_resumed, in_doubt: in_doubt as u64, began });
        Ok(())
    }
}
