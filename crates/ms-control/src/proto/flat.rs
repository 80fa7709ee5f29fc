//! A tree on the wire: a list of nodes in depth-first order, each with its level.
//!
//! Nested JSON of a tree as deep as a path may be (64) would pass the nesting
//! limit of JSON readers; a flat list never nests, and its reader cannot be made
//! to recurse.

use ms_core::ChildId;
use ms_core::id::MAX_PATH_DEPTH;
use ms_core::view::{ActorStatus, SupervisorView, TreeNode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize)]
struct RowRef<'a> {
    level: usize,
    id: &'a ChildId,
    status: &'a ActorStatus,
    supervisor: &'a Option<SupervisorView>,
    omitted: usize,
}

#[derive(Deserialize)]
struct Row {
    level: usize,
    id: ChildId,
    status: ActorStatus,
    supervisor: Option<SupervisorView>,
    omitted: usize,
}

pub(super) fn serialize<S: Serializer>(root: &TreeNode, to: S) -> Result<S::Ok, S::Error> {
    let mut stack = vec![(0, root)];
    to.collect_seq(std::iter::from_fn(|| {
        let (level, node) = stack.pop()?;
        stack.extend(node.children.iter().rev().map(|child| (level + 1, child)));
        let TreeNode { id, status, supervisor, omitted, .. } = node;
        Some(RowRef { level, id, status, supervisor, omitted: *omitted })
    }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<TreeNode>, D::Error> {
    build(Vec::deserialize(from)?).map(Box::new).map_err(D::Error::custom)
}

fn build(rows: Vec<Row>) -> Result<TreeNode, &'static str> {
    // The open nodes from the root to the last one read; a node closes into its parent.
    let mut open: Vec<TreeNode> = Vec::new();
    for row in rows {
        if row.level > open.len() || (row.level == 0 && !open.is_empty()) {
            return Err("a tree row has no parent");
        }
        if row.level > MAX_PATH_DEPTH {
            return Err("the tree is deeper than a path may be");
        }
        close(&mut open, row.level.max(1));
        let Row { id, status, supervisor, omitted, .. } = row;
        open.push(TreeNode { id, status, supervisor, children: Vec::new(), omitted });
    }
    close(&mut open, 1);
    open.pop().ok_or("the tree is empty")
}

fn close(open: &mut Vec<TreeNode>, down_to: usize) {
    while open.len() > down_to {
        let done = open.pop();
        if let (Some(done), Some(parent)) = (done, open.last_mut()) {
            parent.children.push(done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reply;
    use ms_core::view::TreeNode;
    use ms_core::{ActorPath, ChildId};
    use serde_json::{Value, json};

    fn status(path: &ActorPath) -> Value {
        json!({
            "path": path, "incarnation": 1, "kind": "worker", "tier": "kernel", "actor_type": "T",
            "lifecycle": "running", "restart": null, "restarts": 0,
            "mailbox": {"depth": null, "capacity": null, "overflow": "block", "overflowed": 0,
                "wait_p50_us": null, "wait_p99_us": null, "wait_max_us": null},
            "handling": null, "handled": 0, "busy_us": 0, "arbiter": null, "uptime_ms": null,
            "last_exit": null, "types": [], "marks": [],
        })
    }

    fn node(path: &ActorPath, children: Vec<TreeNode>) -> TreeNode {
        TreeNode {
            id: ChildId::new(path.name()).expect("valid"),
            status: serde_json::from_value(status(path)).expect("a status"),
            supervisor: None,
            children,
            omitted: 0,
        }
    }

    fn survives(tree: TreeNode) {
        let reply = Reply::Tree(Box::new(tree));
        let text = serde_json::to_string(&reply).expect("serialises");
        assert_eq!(serde_json::from_str::<Reply>(&text).expect("parses"), reply);
    }

    #[test]
    fn trees_survive_the_wire_however_deep() {
        let at = |text: &str| ActorPath::new(text).expect("valid");
        let pair = vec![node(&at("/r/a/x"), vec![]), node(&at("/r/a/y"), vec![])];
        survives(node(&at("/r"), vec![node(&at("/r/a"), pair), node(&at("/r/b"), vec![])]));
        let mut deep = node(&at(&"/a".repeat(64)), vec![]);
        for level in (1..64).rev() {
            deep = node(&at(&"/a".repeat(level)), vec![deep]);
        }
        survives(deep);
    }

    #[test]
    fn rows_that_are_no_tree_are_refused() {
        let row = |level: usize| {
            let path = ActorPath::new("/a").expect("valid");
            let status = status(&path);
            json!({"level": level, "id": "a", "status": status, "supervisor": null, "omitted": 0})
        };
        for levels in [vec![], vec![1], vec![0, 0], vec![0, 2], (0..70).collect()] {
            let rows: Vec<Value> = levels.iter().map(|&level| row(level)).collect();
            assert!(
                serde_json::from_value::<Reply>(json!({ "tree": rows })).is_err(),
                "{levels:?}"
            );
        }
    }
}
