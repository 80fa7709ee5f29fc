//! What an end or a command would do to a tree, without doing it.

use ms_core::view::{BlastRadius, TreeNode};
use ms_core::{ActorPath, ExitReason, Restart, Strategy, Tick};
use ms_policy::{ChildKey, ChildState, Policy};

use super::rows::runs;

/// What might happen to a child.
#[derive(Debug)]
pub(crate) enum Change {
    /// It ends by itself, or is killed.
    Exit(ExitReason),
    /// It is stopped for good.
    Stop,
    /// It is stopped and started again.
    Restart,
}

/// What happens to the children of one supervisor.
#[derive(Debug, Default)]
pub(crate) struct Impact {
    pub(crate) stopped: Vec<ChildKey>,
    pub(crate) restarted: Vec<ChildKey>,
    pub(crate) dropped: Vec<ChildKey>,
    /// The supervisor gives up over it.
    pub(crate) escalates: bool,
    /// What the supervisor ends with, if it does.
    pub(crate) supervisor_exits: Option<ExitReason>,
    /// The supervisor is suspended: it decides nothing until it is resumed.
    pub(crate) is_held: bool,
}

/// Foretells what follows when this happens to the child at `now`.
pub(crate) fn impact(policy: &Policy, now: Tick, child: ChildKey, change: &Change) -> Impact {
    let dynamic = policy.flags().strategy == Strategy::SimpleOneForOne;
    if policy.is_suspended() {
        return held(policy, child, change, dynamic);
    }
    match change {
        Change::Exit(reason) => exit(policy, now, child, reason),
        // A dynamic child cannot be started again once it was stopped: it is killed.
        Change::Restart if dynamic => exit(policy, now, child, &ExitReason::Killed),
        Change::Restart => stop(policy, child, true),
        Change::Stop => stop(policy, child, false),
    }
}

/// Foretells a change under a suspended supervisor (I2). An end happens all the same, but nothing
/// follows from it; an order to stop waits with everything else. One to restart is refused before it
/// comes to this, but for a dynamic child.
fn held(policy: &Policy, key: ChildKey, change: &Change, dynamic: bool) -> Impact {
    let runs = policy.child(key).is_some_and(|child| child.state == ChildState::Running);
    let ends = match change {
        Change::Exit(_) => true,
        // Carried out as a kill, which waits for nobody.
        Change::Restart => dynamic,
        Change::Stop => false,
    };
    let stopped = if ends && runs { vec![key] } else { Vec::new() };
    Impact { stopped, is_held: true, ..Impact::default() }
}

fn exit(policy: &Policy, now: Tick, child: ChildKey, reason: &ExitReason) -> Impact {
    let preview = policy.preview_exit(now, child, reason);
    let mut impact = Impact {
        stopped: preview.stopped,
        restarted: preview.restarted,
        dropped: preview.dropped,
        escalates: preview.escalates,
        supervisor_exits: preview.supervisor_exits,
        is_held: false,
    };
    // The policy lists whom it takes along; the child itself comes first.
    if preview.verdict.is_some() {
        impact.stopped.insert(0, child);
    }
    impact
}

fn stop(policy: &Policy, key: ChildKey, restarted: bool) -> Impact {
    let mut impact = Impact::default();
    let Some(child) = policy.child(key) else { return impact };
    if child.state == ChildState::Running {
        impact.stopped.push(key);
    }
    let dynamic = policy.flags().strategy == Strategy::SimpleOneForOne;
    if dynamic || child.policy.restart == Restart::Temporary {
        impact.dropped.push(key);
    } else if restarted {
        impact.restarted.push(key);
    }
    impact
}

/// Adds the actors below those that end, which end with them. The ones that a restart does not
/// bring back, such as dynamic children, count as gone.
pub(crate) fn with_subtrees(direct: BlastRadius, tree: &TreeNode) -> BlastRadius {
    let below = |path: &ActorPath| tree.children.iter().find(|node| node.status.path == *path);
    let mut radius = BlastRadius {
        restarted: direct.restarted,
        escalates: direct.escalates,
        held_by: direct.held_by,
        ..BlastRadius::default()
    };
    for path in direct.stopped {
        let comes_back = radius.restarted.contains(&path);
        let nodes = below(&path).into_iter().flat_map(|node| node.walk().skip(1));
        radius.stopped.push(path.clone());
        for node in nodes {
            let path = &node.status.path;
            if comes_back && !radius.restarted.contains(path) {
                radius.dropped.push(path.clone());
            }
            if runs(node) {
                radius.stopped.push(path.clone());
            }
        }
    }
    radius.dropped.extend(direct.dropped);
    radius
}
