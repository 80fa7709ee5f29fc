//! Answering "what if": what a change of a child would lead to.

use actix::{Handler, ResponseFuture};
use ms_core::ActorPath;
use ms_core::view::BlastRadius;
use ms_policy::ChildKey;

use super::{Ctx, SupervisorActor};
use crate::handle::SupervisorRef;
use crate::logic::dry_run::{impact, with_subtrees};
use crate::messages::{DryRun, DryRunResult};

impl SupervisorActor {
    /// Returns the child and all that its start brings up below it.
    fn started_with(&self, key: ChildKey) -> Vec<ActorPath> {
        let Some(child) = self.children.get(key) else { return Vec::new() };
        let mut paths = vec![child.path().clone()];
        if let Some(subtree) = child.subtree() {
            subtree.spec().paths_below(child.path(), &mut paths);
        }
        paths
    }

    fn paths_of(&self, keys: &[ChildKey]) -> Vec<ActorPath> {
        let children = keys.iter().filter_map(|&key| self.children.get(key));
        children.map(|child| child.path().clone()).collect()
    }
}

impl Handler<DryRun> for SupervisorActor {
    type Result = ResponseFuture<Option<DryRunResult>>;

    fn handle(&mut self, ask: DryRun, ctx: &mut Ctx) -> Self::Result {
        let Some(child) = self.children.key_of(ask.child.as_str()) else {
            return Box::pin(std::future::ready(None));
        };
        let impact = impact(&self.policy, ctx.node().now(), child, &ask.change);
        let direct = BlastRadius {
            stopped: self.paths_of(&impact.stopped),
            restarted: impact.restarted.iter().flat_map(|&key| self.started_with(key)).collect(),
            dropped: self.paths_of(&impact.dropped),
            escalates: if impact.escalates { vec![self.path.clone()] } else { Vec::new() },
            held_by: impact.is_held.then(|| self.path.clone()),
            ends_node: false,
        };
        let (me, supervisor_exits) = (self.me.upgrade(), impact.supervisor_exits);
        // The tree below is asked for by way of its own mailbox, like anybody does: it stays free.
        Box::pin(async move {
            let tree = match me {
                Some(me) => SupervisorRef::new(me).within(ask.within).tree(None).await.ok(),
                None => None,
            };
            let radius = match &tree {
                Some(tree) => with_subtrees(direct, tree),
                None => direct,
            };
            Some(DryRunResult { radius, supervisor_exits })
        })
    }
}
