//! The supervision tree as a whole.

use std::time::Duration;

use ms_core::ActorPath;
use ms_core::id::MAX_PATH_DEPTH;
use ms_core::tree::TreeRow;
use ms_core::view::TreeNode;

use crate::operation;
use crate::target::Target;

/// Longest time for which a [`WalkTree`] sends rows.
pub const MAX_TREE_FOR: Duration = Duration::from_secs(60);

/// Levels of a path.
const LEVELS: u64 = MAX_PATH_DEPTH as u64;

fn at(path: Option<&ActorPath>) -> Target<'_> {
    path.map_or(Target::Node, Target::actor)
}

operation! {
    /// The supervision tree, or a part of it, nested: at most 60 levels below the start.
    ///
    /// An actor that hangs is shown as unresponsive.
    Read TreeRead "tree.show" 1;
    pub struct ShowTree -> TreeNode {
        /// Where to start; absent is the root.
        pub root: Option<ActorPath>,
        /// Levels below the start; absent is all that are answered.
        pub depth: Option<usize> [max LEVELS, "depth"],
    }
    fn target(&self) -> Target<'_> {
        at(self.root.as_ref())
    }
}

operation! {
    /// The supervision tree, or a part of it, as rows: however large and deep it is.
    Watch TreeRead "tree.walk" 1;
    pub struct WalkTree -> Vec<TreeRow> {
        /// Where to start; absent is the root.
        pub root: Option<ActorPath>,
        /// Levels below the start; absent is all.
        pub depth: Option<usize> [max LEVELS, "depth"],
    }
    fn target(&self) -> Target<'_> {
        at(self.root.as_ref())
    }
    fn takes(&self) -> Duration {
        MAX_TREE_FOR
    }
}
