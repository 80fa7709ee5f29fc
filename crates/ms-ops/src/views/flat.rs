//! A tree on the wire: a list of nodes in depth-first order, each with its level.
//!
//! Nested JSON of a tree as deep as paths may be (64) would exceed the nesting limit of JSON
//! readers. A flat list does not nest, and nobody can make its reader recurse.

use ms_core::tree::{TreeBuilder, TreeRow, rows};
use ms_core::view::TreeNode;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(root: &TreeNode, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(rows(root))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<TreeNode>, D::Error> {
    let mut tree = TreeBuilder::default();
    // The builder refuses rows that are too deep or have no parent, whoever sent them.
    for row in Vec::<TreeRow>::deserialize(from)? {
        tree.push(row).map_err(D::Error::custom)?;
    }
    tree.finish().map(Box::new).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::super::Flat;
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
        let reply = Flat(Box::new(tree));
        let text = serde_json::to_string(&reply).expect("serialises");
        assert_eq!(serde_json::from_str::<Flat>(&text).expect("parses"), reply);
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
            assert!(serde_json::from_value::<Flat>(json!(rows)).is_err(), "{levels:?}");
        }
    }
}
