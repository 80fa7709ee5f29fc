//! Answering for the tree: what is below a supervisor, and why it ended.

use actix::{Handler, MessageResult};
use ms_core::ChildId;
use ms_core::view::{Lifecycle, Mark, SupervisorView, TreeNode, WhyRecord};
use ms_policy::{ChildKey, ChildView};

use super::{Ctx, SupervisorActor};
use crate::logic::rows::complete;
use crate::messages::{ChildKeys, GetRow, GetRows, GetWhy, ListChildren, Row};
use crate::state::child::Child;

impl SupervisorActor {
    fn own_node(&self) -> Option<TreeNode> {
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

    fn row_of(&self, key: ChildKey) -> Option<Row> {
        let child = self.children.get(key)?;
        let node = self.child_node(child, &self.policy.child(key)?)?;
        // One that is down would not answer, and cost the walk its time limit.
        let supervisor = child.cell().filter(|cell| cell.is_alive()).and_then(|cell| cell.typed());
        Some(Row { node, supervisor })
    }

    /// Returns a child as it can be shown without asking it.
    fn child_node(&self, child: &Child, in_policy: &ChildView<'_>) -> Option<TreeNode> {
        let mut status = child.cell()?.status();
        let limit = u64::from(self.policy.flags().intensity.max_restarts);
        complete(&mut status, in_policy, self.restarts_in_window() * 2 > limit);
        let id = child.id()?;
        Some(TreeNode { id, status, supervisor: None, children: Vec::new(), omitted: 0 })
    }
}

impl Handler<ListChildren> for SupervisorActor {
    type Result = MessageResult<ListChildren>;

    fn handle(&mut self, _: ListChildren, _: &mut Ctx) -> Self::Result {
        let keys = || self.policy.children().map(|child| child.key).collect();
        MessageResult(self.own_node().map(|node| ChildKeys { node, keys: keys() }))
    }
}

impl Handler<GetRows> for SupervisorActor {
    type Result = Vec<Row>;

    fn handle(&mut self, GetRows(keys): GetRows, _: &mut Ctx) -> Vec<Row> {
        keys.into_iter().filter_map(|key| self.row_of(key)).collect()
    }
}

impl Handler<GetRow> for SupervisorActor {
    type Result = MessageResult<GetRow>;

    fn handle(&mut self, GetRow(id): GetRow, _: &mut Ctx) -> Self::Result {
        let key = self.children.key_of(id.as_str());
        MessageResult(key.and_then(|key| self.row_of(key)).map(|row| row.node))
    }
}

impl Handler<GetWhy> for SupervisorActor {
    type Result = Vec<WhyRecord>;

    fn handle(&mut self, ask: GetWhy, _: &mut Ctx) -> Vec<WhyRecord> {
        self.kept.why().newest(ask.path.as_ref(), ask.limit)
    }
}
