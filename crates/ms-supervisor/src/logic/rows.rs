//! Rows of trees: what a supervisor knows of a child, and what the child says of itself.

use ms_core::view::{ActorStatus, Lifecycle, Mark, TreeNode};
use ms_policy::{ChildState, ChildView};

/// Completes what the kernel says of a child with what only its supervisor knows.
/// `near_limit`: more than half of the supervisor's restart budget is used.
pub(crate) fn complete(status: &mut ActorStatus, child: &ChildView<'_>, near_limit: bool) {
    status.restart = Some(child.policy.restart);
    status.kind = child.policy.kind;
    match child.state {
        ChildState::Starting => status.lifecycle = Lifecycle::Starting,
        ChildState::Stopping => status.lifecycle = Lifecycle::Stopping,
        ChildState::Stopped => status.lifecycle = Lifecycle::Stopped,
        ChildState::Restarting => {
            status.lifecycle = Lifecycle::Restarting;
            status.marks.push(Mark::Restarting);
        }
        ChildState::Running => {}
    }
    if status.restarts > 0 && near_limit {
        status.marks.push(Mark::Flapping);
    }
}

/// Puts together what a supervisor says of itself and what the one above it says of it.
pub(crate) fn merge(own: &mut TreeNode, from_above: TreeNode) {
    let above = from_above.status;
    own.status.restart = above.restart;
    let marks = above.marks.into_iter();
    let new: Vec<Mark> = marks.filter(|mark| !own.status.marks.contains(mark)).collect();
    own.status.marks.extend(new);
    // It would call itself running, also while it is being stopped.
    if above.lifecycle != Lifecycle::Running {
        own.status.lifecycle = above.lifecycle;
    }
}

/// Returns whether there is a running actor in this row.
pub(crate) fn runs(node: &TreeNode) -> bool {
    !matches!(node.status.lifecycle, Lifecycle::Stopped | Lifecycle::Restarting)
}
