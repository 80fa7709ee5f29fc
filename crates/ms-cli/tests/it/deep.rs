//! A tree that is as deep as one may be.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use serde_json::Value;

use crate::common::until;
use crate::node::{node, schema};

/// The first node, and how many there are from there down.
fn levels(mut node: &Value) -> (usize, &Value) {
    let mut levels = 1;
    while let Some(child) = node["children"].as_array().and_then(|children| children.last()) {
        (node, levels) = (child, levels + 1);
    }
    (levels, node)
}

/// X31: it is shown whole in words. JSON nests, and is read with `serde_json`'s own limit: what is
/// left out is counted, and shown by a tree that begins there.
#[test]
fn a_tree_of_64_levels_is_shown_and_its_json_read_with_the_defaults() {
    let node = node();
    let whole = node.msctl(&["tree", "/root/components/deep", "--ascii"]).ok();
    assert!(whole.contains("`- s64 "), "{whole}");
    let whole = node.msctl(&["tree"]).ok();
    assert!(whole.contains("└─ s64 "), "{whole}");

    // One document, with the limit of 128 that serde_json has unless it is told otherwise.
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

    // The same of the other door, which shows what answers in time.
    until("all levels answer in time", || {
        let (status, tree) = node.http("GET", "/api/v1/tree?depth=64", "");
        assert_eq!(status, 200);
        let tree = tree.to_string();
        assert!(!tree.contains("\"s62\""), "{tree}");
        tree.contains("\"s61\"").then_some(())
    });
}
