//! Answering for the tree: what is below a supervisor, why it ended, what if.

use actix::{Handler, ResponseFuture};
use ms_core::view::{BlastRadius, Lifecycle, Mark, SupervisorView, TreeNode, WhyRecord};
use ms_core::{ActorPath, ChildId, ExitReason, Restart, Tick};
use ms_policy::{ChildKey, ChildState, ChildView};

use crate::actor::{Ctx, SupervisorActor};
use crate::handle::SupervisorRef;
use crate::kids::Kid;
use crate::messages::{Foresee, Foreseen, GetWhy, What};

impl SupervisorActor {
    pub(crate) fn own_node(&self) -> Option<TreeNode> {
        let status = self.me.upgrade()?.any().status();
        let mut node = TreeNode {
            id: ChildId::new(self.path.name()).ok()?,
            status,
            supervisor: Some(self.view()),
            children: Vec::new(),
            omitted: 0,
        };
        // What it handles is this very question.
        node.status.handling = None;
        if self.suspended {
            node.status.lifecycle = Lifecycle::Suspended;
            node.status.marks.push(Mark::Suspended);
        }
        Some(node)
    }

    fn view(&self) -> SupervisorView {
        let flags = self.policy.flags();
        SupervisorView {
            strategy: flags.strategy,
            intensity: flags.intensity,
            restarts_in_window: u32::try_from(self.restarts_in_window()).unwrap_or(u32::MAX),
        }
    }

    /// A child as it can be shown without asking it.
    pub(crate) fn child_node(&self, kid: &Kid, child: &ChildView<'_>) -> Option<TreeNode> {
        let mut status = match &kid.cell {
            Some(cell) => cell.status(),
            None => return None,
        };
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
        let limit = u64::from(self.policy.flags().intensity.max_restarts);
        if status.restarts > 0 && self.restarts_in_window() * 2 > limit {
            status.marks.push(Mark::Flapping);
        }
        let id = ChildId::new(kid.path.name()).ok()?;
        Some(TreeNode { id, status, supervisor: None, children: Vec::new(), omitted: 0 })
    }
}

impl Handler<GetWhy> for SupervisorActor {
    type Result = Vec<WhyRecord>;

    fn handle(&mut self, ask: GetWhy, _: &mut Ctx) -> Vec<WhyRecord> {
        self.bank.why(|log| log.newest(ask.path.as_ref(), ask.limit))
    }
}

impl Handler<Foresee> for SupervisorActor {
    type Result = ResponseFuture<Option<Foreseen>>;

    fn handle(&mut self, ask: Foresee, ctx: &mut Ctx) -> Self::Result {
        let Some(kid) = self.child_named(&ask.child) else {
            return Box::pin(std::future::ready(None));
        };
        let (now, target) = (ctx.node().now(), kid.key);
        let (direct, supervisor_exits) = match ask.what {
            What::Exit(reason) => self.foresee_exit(now, target, &reason),
            // A dynamic child cannot be started again once it was stopped: it is killed.
            What::Renewal if self.is_dynamic() => {
                self.foresee_exit(now, target, &ExitReason::Killed)
            }
            What::Stop => (self.foresee_stop(target, false), None),
            What::Renewal => (self.foresee_stop(target, true), None),
        };
        let reborn = direct.restarted.iter().flat_map(|&key| self.reborn(key)).collect();
        let path_of = |key: &ChildKey| self.kids.get(*key).map(|kid| kid.path.clone());
        let paths = |keys: &[ChildKey]| keys.iter().filter_map(path_of).collect::<Vec<_>>();
        let direct = BlastRadius {
            stopped: paths(&direct.stopped),
            restarted: reborn,
            dropped: paths(&direct.dropped),
            escalates: if direct.escalates { vec![self.path.clone()] } else { Vec::new() },
            ends_node: false,
        };
        let me = self.me.upgrade();
        Box::pin(async move {
            let tree = match me {
                Some(me) => SupervisorRef::new(me).within(ask.within).tree(None).await.ok(),
                None => None,
            };
            Some(Foreseen { radius: with_subtrees(direct, tree.as_ref()), supervisor_exits })
        })
    }
}

/// What happens to the children of one supervisor.
#[derive(Default)]
struct Direct {
    stopped: Vec<ChildKey>,
    restarted: Vec<ChildKey>,
    dropped: Vec<ChildKey>,
    escalates: bool,
}

impl SupervisorActor {
    fn foresee_exit(
        &self,
        now: Tick,
        target: ChildKey,
        reason: &ExitReason,
    ) -> (Direct, Option<ExitReason>) {
        let preview = self.policy.preview_exit(now, target, reason);
        let mut direct = Direct {
            stopped: preview.stopped,
            restarted: preview.restarted,
            dropped: preview.dropped,
            escalates: preview.escalates,
        };
        if preview.verdict.is_some() {
            direct.stopped.insert(0, target);
        }
        (direct, preview.supervisor_exits)
    }

    fn foresee_stop(&self, target: ChildKey, renewed: bool) -> Direct {
        let mut direct = Direct::default();
        let Some(child) = self.policy.child(target) else { return direct };
        if child.state == ChildState::Running {
            direct.stopped.push(target);
        }
        if self.is_dynamic() || child.policy.restart == Restart::Temporary {
            direct.dropped.push(target);
        } else if renewed {
            direct.restarted.push(target);
        }
        direct
    }

    /// The child and all that its start brings up below it.
    fn reborn(&self, key: ChildKey) -> Vec<ActorPath> {
        let Some(kid) = self.kids.get(key) else { return Vec::new() };
        let mut paths = vec![kid.path.clone()];
        if let Some(below) = &kid.below {
            below.spec.paths_below(&kid.path, &mut paths);
        }
        paths
    }
}

/// Adds what lies below the actors that end: it shares their fate. What their start
/// does not bring up again, such as dynamic children, is gone.
fn with_subtrees(direct: BlastRadius, tree: Option<&TreeNode>) -> BlastRadius {
    let Some(tree) = tree else { return direct };
    let below = |path: &ActorPath| tree.children.iter().find(|node| node.status.path == *path);
    let mut radius = BlastRadius {
        restarted: direct.restarted,
        escalates: direct.escalates,
        ..BlastRadius::default()
    };
    for path in direct.stopped {
        let comes_back = radius.restarted.contains(&path);
        let nodes = below(&path)
            .into_iter()
            .flat_map(|node| node.walk().skip(1))
            .map(|node| (&node.status.path, runs(node)));
        let nodes: Vec<(ActorPath, bool)> =
            nodes.map(|(path, runs)| (path.clone(), runs)).collect();
        radius.stopped.push(path);
        for (path, runs) in nodes {
            if comes_back && !radius.restarted.contains(&path) {
                radius.dropped.push(path.clone());
            }
            if runs {
                radius.stopped.push(path);
            }
        }
    }
    radius.dropped.extend(direct.dropped);
    radius
}

pub(crate) fn runs(node: &TreeNode) -> bool {
    !matches!(node.status.lifecycle, Lifecycle::Stopped | Lifecycle::Restarting)
}
