//! Walking a tree, row by row: however many children there are, no supervisor is kept
//! from its work for longer than a page takes.
//!
//! A supervisor hands out the keys of its children at one moment, then their rows, page
//! by page. A child that has gone in between is left out; what a row says is of the
//! moment of its page. Leaves are not asked: their rows come from their cells.

use std::time::Duration;

use actix::{Handler, Message, MessageResult};
use ms_actor::{AskError, Ref, SendError};
use ms_core::tree::{TreeBuilder, TreeRow};
use ms_core::view::{Lifecycle, Mark, TreeNode};
use ms_core::{ChildId, Restart};
use ms_policy::ChildKey;

use crate::actor::{Ctx, SupervisorActor};
use crate::error::SupervisorError;
use crate::handle::SupervisorRef;

/// Rows a supervisor makes in one go, and a walk hands over.
pub const PAGE: usize = 128;
/// Deepest tree shown when no depth is asked for.
const ALL_LEVELS: usize = 64;
/// How long a supervisor below the first is given: one that hangs costs that much.
const WITHIN_BELOW: Duration = Duration::from_millis(80);
/// How long one that has just answered is given for the next page: it is not the one that hangs, the
/// machine is busy; and what it had said already would be lost with the whole walk.
const PAGE_WITHIN: Duration = Duration::from_secs(2);

/// A supervisor's own row, and the keys of its children in start order.
#[derive(Debug)]
pub(crate) struct Roll {
    node: TreeNode,
    keys: Vec<ChildKey>,
}

/// Asks for the [`Roll`].
#[derive(Debug)]
pub(crate) struct CallRoll;

impl Message for CallRoll {
    type Result = Option<Roll>;
}

impl Handler<CallRoll> for SupervisorActor {
    type Result = MessageResult<CallRoll>;

    fn handle(&mut self, _: CallRoll, _: &mut Ctx) -> Self::Result {
        let keys = || self.policy.children().map(|child| child.key).collect();
        MessageResult(self.own_node().map(|node| Roll { node, keys: keys() }))
    }
}

/// A child's row, and the supervisor it is, if it is one and runs.
#[derive(Debug)]
pub(crate) struct Below {
    row: TreeNode,
    supervisor: Option<Ref<SupervisorActor>>,
}

/// The rows of those of these children that are still there; at most [`PAGE`].
#[derive(Debug)]
pub(crate) struct GetRows(Vec<ChildKey>);

impl Message for GetRows {
    type Result = Vec<Below>;
}

impl Handler<GetRows> for SupervisorActor {
    type Result = Vec<Below>;

    fn handle(&mut self, GetRows(keys): GetRows, _: &mut Ctx) -> Vec<Below> {
        keys.into_iter().filter_map(|key| self.row_of(key)).collect()
    }
}

/// The row of one child.
#[derive(Debug)]
pub(crate) struct GetRow(ChildId);

impl Message for GetRow {
    type Result = Option<TreeNode>;
}

impl Handler<GetRow> for SupervisorActor {
    type Result = MessageResult<GetRow>;

    fn handle(&mut self, GetRow(id): GetRow, _: &mut Ctx) -> Self::Result {
        let key = self.child_named(&id).map(|kid| kid.key);
        MessageResult(key.and_then(|key| self.row_of(key)).map(|below| below.row))
    }
}

impl SupervisorActor {
    fn row_of(&self, key: ChildKey) -> Option<Below> {
        let (kid, child) = (self.kids.get(key)?, self.policy.child(key)?);
        let row = self.child_node(kid, &child)?;
        let supervisor = kid.cell.as_ref().filter(|cell| cell.is_alive());
        Some(Below { row, supervisor: supervisor.and_then(ms_actor::AnyRef::typed) })
    }
}

/// A supervisor whose children are being shown.
struct Level {
    supervisor: Ref<SupervisorActor>,
    keys: std::vec::IntoIter<ChildKey>,
    page: std::vec::IntoIter<Below>,
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
        let roll = self.call(CallRoll).await?.ok_or(SupervisorError::NotFound { path })?;
        let actor = self.any().typed::<SupervisorActor>();
        let mut walk =
            TreeWalk { first: None, depth: depth.unwrap_or(ALL_LEVELS), levels: Vec::new() };
        let node = match actor {
            Some(actor) => walk.enter(actor, roll, 0),
            None => roll.node,
        };
        walk.first = Some(TreeRow::of(0, node));
        Ok(walk)
    }

    /// The tree from here on down, at most `depth` levels below it.
    ///
    /// A supervisor that does not answer in time is shown as unresponsive. A tree of many
    /// thousands is better taken as it comes, by [`SupervisorRef::walk`].
    ///
    /// # Errors
    /// As [`SupervisorRef::walk`] and [`TreeWalk::next`].
    pub async fn tree(&self, depth: Option<usize>) -> Result<TreeNode, SupervisorError> {
        let mut walk = self.walk(depth).await?;
        let mut tree = TreeBuilder::default();
        let no_tree = |error: ms_core::tree::NoTree| SupervisorError::NoAnswer {
            path: self.path().clone(),
            why: error.to_string(),
        };
        while let Some(rows) = walk.next().await? {
            rows.into_iter().try_for_each(|row| tree.push(row)).map_err(no_tree)?;
        }
        tree.finish().map_err(no_tree)
    }

    /// The row of the child named `id`, without what is below it.
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

    /// The next rows, at most [`PAGE`]; `None` after the last. A supervisor that ended
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
                Some(below) => {
                    let node = self.fill(below, at).await;
                    rows.push(TreeRow::of(at, node));
                }
                None if level.keys.len() > 0 => level.turn_page().await?,
                None => drop(self.levels.pop()),
            }
        }
        Ok(Some(rows).filter(|rows| !rows.is_empty()))
    }

    /// Completes the row of a child that is a supervisor with what it says of itself.
    async fn fill(&mut self, below: Below, level: usize) -> TreeNode {
        let Below { mut row, supervisor } = below;
        let Some(supervisor) = supervisor else { return row };
        let asked = supervisor.ask(CallRoll).within(WITHIN_BELOW).await;
        let Ok(Some(roll)) = asked else {
            row.status.marks.push(Mark::Unresponsive);
            return row;
        };
        let mut node = self.enter(supervisor, roll, level);
        node.status.restart = row.status.restart;
        let marks = row.status.marks.into_iter();
        let new: Vec<Mark> = marks.filter(|mark| !node.status.marks.contains(mark)).collect();
        node.status.marks.extend(new);
        if row.status.lifecycle != Lifecycle::Running {
            node.status.lifecycle = row.status.lifecycle;
        }
        node
    }

    /// Goes on with the children of this supervisor, unless they lie too deep.
    fn enter(&mut self, supervisor: Ref<SupervisorActor>, roll: Roll, level: usize) -> TreeNode {
        let Roll { mut node, keys } = roll;
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
