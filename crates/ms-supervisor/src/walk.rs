//! Walking a tree, row by row: however many children there are, no supervisor is kept
//! from its work for longer than a page takes.
//!
//! A supervisor hands out the keys of its children at one moment, then their rows, page
//! by page. A child that has gone in between is left out; what a row says is of the
//! moment of its page. Leaves are not asked: their rows come from their cells.

use std::time::Duration;

use ms_actor::{AskError, Ref, SendError};
use ms_core::tree::{NoTree, TreeBuilder, TreeRow};
use ms_core::view::{Mark, TreeNode};
use ms_core::{ChildId, Restart};
use ms_policy::ChildKey;

use crate::actor::SupervisorActor;
use crate::error::SupervisorError;
use crate::handle::SupervisorRef;
use crate::logic::rows::merge;
use crate::messages::{ChildKeys, GetRow, GetRows, ListChildren, Row};

/// Rows a supervisor makes in one go, and a walk hands over.
pub const PAGE: usize = 128;
/// Deepest tree shown when no depth is asked for.
// No path is longer, so every tree that starts is shown whole (X31).
const ALL_LEVELS: usize = 64;
/// How long a supervisor below the first is given: one that hangs costs that much.
const WITHIN_BELOW: Duration = Duration::from_millis(80);
/// How long one that has just answered is given for the next page: it is not the one that hangs, the
/// machine is busy; and what it had said already would be lost with the whole walk.
const PAGE_WITHIN: Duration = Duration::from_secs(2);

/// A supervisor whose children are being shown.
struct Level {
    supervisor: Ref<SupervisorActor>,
    keys: std::vec::IntoIter<ChildKey>,
    page: std::vec::IntoIter<Row>,
}

/// A walk over a tree, depth first; made by [`SupervisorRef::walk`].
pub struct TreeWalk {
    /// The row to begin with, until it was handed over.
    first: Option<TreeRow>,
    depth: usize,
    /// From the first supervisor down to the one whose children are shown.
    levels: Vec<Level>,
}

impl SupervisorRef {
    /// Begins a walk over the tree from here on down, at most `depth` levels below it.
    ///
    /// # Errors
    /// Only when this supervisor itself does not answer.
    pub async fn walk(&self, depth: Option<usize>) -> Result<TreeWalk, SupervisorError> {
        let path = self.path().clone();
        let listed = self.call(ListChildren).await?.ok_or(SupervisorError::NotFound { path })?;
        let actor = self.any().typed::<SupervisorActor>();
        let mut walk =
            TreeWalk { first: None, depth: depth.unwrap_or(ALL_LEVELS), levels: Vec::new() };
        let node = match actor {
            Some(actor) => walk.enter(actor, listed, 0),
            None => listed.node,
        };
        walk.first = Some(TreeRow::of(0, node));
        Ok(walk)
    }

    /// Returns the tree from here on down, at most `depth` levels below it.
    ///
    /// A supervisor that does not answer in time is shown as unresponsive. A tree of many
    /// thousands is better taken as it comes, by [`SupervisorRef::walk`].
    ///
    /// # Errors
    /// As [`SupervisorRef::walk`] and [`TreeWalk::next`].
    pub async fn tree(&self, depth: Option<usize>) -> Result<TreeNode, SupervisorError> {
        let mut walk = self.walk(depth).await?;
        let mut tree = TreeBuilder::default();
        let no_tree = |error: NoTree| SupervisorError::NoAnswer {
            path: self.path().clone(),
            why: error.to_string(),
        };
        while let Some(rows) = walk.next().await? {
            rows.into_iter().try_for_each(|row| tree.push(row)).map_err(no_tree)?;
        }
        tree.finish().map_err(no_tree)
    }

    /// Returns the row of the child named `id`, without what is below it.
    pub(crate) async fn row(&self, id: &ChildId) -> Result<Option<TreeNode>, SupervisorError> {
        self.call(GetRow(id.clone())).await
    }
}

impl TreeWalk {
    /// Completes the first row with what only the supervisor above it knows.
    pub(crate) fn set_restart(&mut self, restart: Option<Restart>) {
        if let Some(first) = &mut self.first {
            first.status.restart = restart;
        }
    }

    /// Returns the next rows, at most [`PAGE`]; `None` after the last. A supervisor that ended
    /// while its children were shown took them along: the rest of them are left out.
    ///
    /// # Errors
    /// A supervisor that had answered stopped answering.
    pub async fn next(&mut self) -> Result<Option<Vec<TreeRow>>, SupervisorError> {
        let mut rows: Vec<TreeRow> = self.first.take().into_iter().collect();
        while rows.len() < PAGE {
            let at = self.levels.len();
            let Some(level) = self.levels.last_mut() else { break };
            match level.page.next() {
                Some(row) => {
                    let node = self.fill(row, at).await;
                    rows.push(TreeRow::of(at, node));
                }
                None if level.keys.len() > 0 => level.turn_page().await?,
                None => drop(self.levels.pop()),
            }
        }
        Ok(Some(rows).filter(|rows| !rows.is_empty()))
    }

    /// Completes the row of a child that is a supervisor with what it says of itself.
    async fn fill(&mut self, row: Row, level: usize) -> TreeNode {
        let Row { mut node, supervisor } = row;
        let Some(supervisor) = supervisor else { return node };
        let asked = supervisor.ask(ListChildren).within(WITHIN_BELOW).await;
        let Ok(Some(listed)) = asked else {
            node.status.marks.push(Mark::Unresponsive);
            return node;
        };
        let mut own = self.enter(supervisor, listed, level);
        merge(&mut own, node);
        own
    }

    /// Goes on with the children of this supervisor, unless they lie too deep.
    fn enter(
        &mut self,
        supervisor: Ref<SupervisorActor>,
        listed: ChildKeys,
        level: usize,
    ) -> TreeNode {
        let ChildKeys { mut node, keys } = listed;
        if level >= self.depth {
            node.omitted = keys.len();
        } else {
            let (keys, page) = (keys.into_iter(), Vec::new().into_iter());
            self.levels.push(Level { supervisor, keys, page });
        }
        node
    }
}

impl Level {
    async fn turn_page(&mut self) -> Result<(), SupervisorError> {
        let keys = self.keys.by_ref().take(PAGE).collect();
        let asked = self.supervisor.ask(GetRows(keys)).within(PAGE_WITHIN).await;
        match asked {
            Ok(page) => self.page = page.into_iter(),
            // It has ended, and its children with it: there is nothing left to show.
            Err(AskError::Exited { .. } | AskError::NotSent(SendError::Closed { .. })) => {
                self.keys = Vec::new().into_iter();
            }
            Err(error) => return Err(SupervisorError::no_answer(self.supervisor.path(), &error)),
        }
        Ok(())
    }
}

impl std::fmt::Debug for TreeWalk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeWalk").field("level", &self.levels.len()).finish_non_exhaustive()
    }
}
