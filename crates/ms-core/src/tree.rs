//! A supervision tree as a list of rows: the form in which it is sent piece by piece.
//!
//! The rows are in depth-first order, each with its level. Such a list can be cut
//! anywhere, never nests, and its reader cannot be made to recurse.

use serde::{Deserialize, Serialize};

use crate::id::{ChildId, MAX_PATH_DEPTH};
use crate::view::{ActorStatus, SupervisorView, TreeNode};

/// Most levels below its first node of a tree that is written as JSON that nests. A level is two of
/// JSON, an actor's own facts are up to four more, and readers end where their stack might:
/// `serde_json` at 128 by default. Deeper ones are counted as [`omitted`](TreeNode::omitted); a
/// tree that begins further down has them.
pub const MAX_NESTED: usize = 60;

/// One node of a tree, without what is below it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeRow {
    /// Levels below the first row, which has 0.
    pub level: usize,
    /// Its name within its supervisor.
    pub id: ChildId,
    /// The actor.
    pub status: ActorStatus,
    /// Present when it is a supervisor.
    pub supervisor: Option<SupervisorView>,
    /// Children left out because a depth limit was asked for.
    pub omitted: usize,
}

impl TreeRow {
    /// Returns the row of a node; its children are dropped.
    #[must_use]
    pub fn of(level: usize, node: TreeNode) -> Self {
        let TreeNode { id, status, supervisor, omitted, .. } = node;
        Self { level, id, status, supervisor, omitted }
    }
}

/// Returns the rows of a tree, depth first.
pub fn rows(tree: &TreeNode) -> impl Iterator<Item = TreeRow> + '_ {
    let mut stack = vec![(0, tree)];
    std::iter::from_fn(move || {
        let (level, node) = stack.pop()?;
        stack.extend(node.children.iter().rev().map(|child| (level + 1, child)));
        let TreeNode { id, status, supervisor, omitted, .. } = node;
        let (id, status, supervisor) = (id.clone(), status.clone(), supervisor.clone());
        Some(TreeRow { level, id, status, supervisor, omitted: *omitted })
    })
}

/// Rows that make no tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoTree {
    /// A row is deeper than a child of the row before it, or a second root.
    #[error("a tree row has no parent")]
    Orphan,
    /// A row is deeper than an actor's path may be.
    #[error("the tree is deeper than a path may be")]
    TooDeep,
    /// There was no row.
    #[error("the tree is empty")]
    Empty,
}

/// Puts a tree together, row by row.
///
/// ```
/// use ms_core::tree::{NoTree, TreeBuilder};
///
/// assert_eq!(TreeBuilder::default().finish(), Err(NoTree::Empty));
/// ```
#[derive(Debug, Default)]
pub struct TreeBuilder {
    /// The open nodes from the root to the last one read; a node closes into its parent.
    open: Vec<TreeNode>,
}

impl TreeBuilder {
    /// Adds the next row.
    ///
    /// # Errors
    /// [`NoTree::Orphan`] and [`NoTree::TooDeep`]; what was added before stays.
    pub fn push(&mut self, row: TreeRow) -> Result<(), NoTree> {
        if row.level > self.open.len() || (row.level == 0 && !self.open.is_empty()) {
            return Err(NoTree::Orphan);
        }
        // A nested tree is dropped by recursion, so its depth is bounded where it comes in.
        if row.level > MAX_PATH_DEPTH {
            return Err(NoTree::TooDeep);
        }
        // Never the root: it is closed by `finish`, and a second one was refused above.
        self.close(row.level.max(1));
        let TreeRow { id, status, supervisor, omitted, .. } = row;
        self.open.push(TreeNode { id, status, supervisor, children: Vec::new(), omitted });
        Ok(())
    }

    /// Returns the tree of all rows.
    ///
    /// # Errors
    /// [`NoTree::Empty`].
    pub fn finish(mut self) -> Result<TreeNode, NoTree> {
        self.close(1);
        self.open.pop().ok_or(NoTree::Empty)
    }

    // A loop, not recursion: the rows come from outside, and their depth is the sender's choice.
    fn close(&mut self, down_to: usize) {
        while self.open.len() > down_to {
            let done = self.open.pop();
            if let (Some(done), Some(parent)) = (done, self.open.last_mut()) {
                parent.children.push(done);
            }
        }
    }
}
