//! A tree of the greatest depth.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use serde_json::Value;

use crate::common::until;
use crate::node::{node, schema};

/// Returns the number of levels from a node down, and the last node.
fn levels(mut node: &Value) -> (usize, &Value) {
    let mut levels = 1;
    while let Some(child) = node["children"].as_array().and_then(|children| children.last()) {
        (node, levels) = (child, levels + 1);
    }
    (levels, node)
}

/// X31: text has the whole tree. JSON nests, and `serde_json` limits how deep: what is left out is
/// counted, and a tree that begins there has it.
#[test]
fn a_tree_of_64_levels_is_drawn_and_its_json_read_with_the_defaults() {
    let node = node();
    let whole = node.msctl(&["tree", "/root/components/deep", "--ascii"]).ok();
    assert!(whole.contains("`- s64 "), "{whole}");
    let whole = node.msctl(&["tree"]).ok();
    assert!(whole.contains("└─ s64 "), "{whole}");

    // One document, within the default limit of serde_json, which is 128.
    let read = |text: &str| -> Value { serde_json::from_str(text).expect("JSON that nests less") };
    let document = |args: &[&str]| {
        let document = read(&node.msctl(&[args, &["--json"]].concat()).ok());
        assert!(schema().is_valid(&document), "{args:?}");
        document
    };
    let tree = document(&["tree"]);
    let components = tree["data"]["children"].as_array().expect("a list");
    let components = components.iter().find(|child| child["id"] == "components").expect("there");
    let deep = components["children"].as_array().expect("a list");
    let deep = deep.iter().find(|child| child["id"] == "deep").expect("there");
    // 61 levels in all, of which two are above.
    let (count, last) = levels(deep);
    assert_eq!((count, &last["id"], &last["omitted"]), (59, &"s61".into(), &1.into()));
    let path = last["status"]["path"].as_str().expect("a path");
    let below = document(&["tree", path, "--depth", "64"]);
    let (count, last) = levels(&below["data"]);
    assert_eq!((count, &last["id"], &last["omitted"]), (4, &"s64".into(), &0.into()));

    // The same over HTTP, which has the supervisors that answer in time.
    until("all levels answer in time", || {
        let (status, tree) = node.http("GET", "/api/v1/tree?depth=64", "");
        assert_eq!(status, 200);
        let tree = tree.to_string();
        assert!(!tree.contains("\"s62\""), "{tree}");
        tree.contains("\"s61\"").then_some(())
    });
}
