//! Walking a tree of many: page by page, while children come and go.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use actix::prelude::*;
use common::{path, paused};
use ms_core::view::Lifecycle;
use ms_core::{ChildId, ExitReason, Restart};
use ms_supervisor::{ChildSpec, PAGE, Root, SupervisorSpec, start_root};

struct Idle;

impl Actor for Idle {
    type Context = ms_actor::Context<Self>;
}

const MANY: usize = 3 * PAGE + 7;

/// `/root` with `first`, a `pool` of many, and `last`.
async fn many(node: &ms_actor::Node) -> Root {
    let template = ChildSpec::actor("idle", || Idle).restart(Restart::Temporary);
    let tree = SupervisorSpec::one_for_one("root")
        .child(ChildSpec::actor("first", || Idle))
        .child(ChildSpec::supervisor(SupervisorSpec::dynamic("pool", template)))
        .child(ChildSpec::actor("last", || Idle));
    let root = start_root(node, tree).await.expect("starts");
    let pool = root.supervisor("pool").await.expect("there");
    for _ in 0..MANY {
        pool.start_another().await.expect("starts");
    }
    root
}

#[test]
fn a_large_tree_comes_in_pages_and_is_whole() {
    paused(|node| async move {
        let root = many(&node).await;
        let mut walk = root.walk(None).await.expect("answers");
        let (mut levels, mut paths, mut pages) = (Vec::new(), Vec::new(), 0);
        while let Some(rows) = walk.next().await.expect("goes on") {
            assert!(!rows.is_empty() && rows.len() <= PAGE, "{}", rows.len());
            pages += 1;
            levels.extend(rows.iter().map(|row| row.level));
            paths.extend(rows.into_iter().map(|row| row.status.path));
        }
        assert!(walk.next().await.expect("over").is_none());
        assert_eq!(pages, (MANY + 4).div_ceil(PAGE));
        let tree = root.tree(None).await.expect("answers");
        let whole: Vec<_> = tree.walk().map(|node| node.status.path.clone()).collect();
        assert_eq!((whole.len(), &whole), (MANY + 4, &paths));
        assert_eq!(levels[..4], [0, 1, 1, 2], "depth first, in start order");
        assert_eq!(paths.last(), Some(&path("/root/last")));
        let flat = root.tree(Some(1)).await.expect("answers");
        let omitted: Vec<usize> = flat.children.iter().map(|child| child.omitted).collect();
        assert_eq!(omitted, [0, MANY, 0]);
        assert_eq!(root.tree(Some(0)).await.expect("answers").omitted, 3);
    });
}

#[test]
fn a_child_that_goes_while_the_tree_is_walked_is_left_out() {
    paused(|node| async move {
        let root = many(&node).await;
        let pool = root.supervisor("pool").await.expect("there");
        let mut walk = root.walk(None).await.expect("answers");
        let mut seen = walk.next().await.expect("goes on").expect("rows");
        let gone = path(&format!("/root/pool/{}", MANY - 1));
        pool.terminate_dynamic(&gone).await.expect("there");
        pool.start_another().await.expect("starts, too late to be shown");
        while let Some(rows) = walk.next().await.expect("goes on") {
            seen.extend(rows);
        }
        assert_eq!(seen.len(), MANY + 4 - 1);
        assert!(seen.iter().all(|row| row.status.path != gone));
    });
}

#[test]
fn children_of_a_supervisor_that_ended_meanwhile_went_with_it() {
    paused(|node| async move {
        let root = many(&node).await;
        let mut walk = root.walk(None).await.expect("answers");
        let mut seen = walk.next().await.expect("goes on").expect("rows").len();
        let pool = ChildId::new("pool").expect("valid");
        root.terminate_child(&pool).await.expect("there");
        let mut last = None;
        while let Some(rows) = walk.next().await.expect("goes on") {
            seen += rows.len();
            last = rows.into_iter().next_back();
        }
        assert!(seen < MANY, "{seen}");
        assert_eq!(last.expect("a row").status.path, path("/root/last"));
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(tree.children[1].status.lifecycle, Lifecycle::Stopped);
        assert_eq!(root.stop(Duration::from_secs(5)).await, ExitReason::Shutdown);
    });
}

#[test]
fn one_leaf_among_many_is_found_without_the_others() {
    paused(|node| async move {
        let root = many(&node).await;
        let leaf = root.tree_at(&path("/root/pool/17"), None).await.expect("there");
        assert_eq!(leaf.status.path, path("/root/pool/17"));
        assert_eq!(leaf.status.restart, Some(Restart::Temporary));
        assert!(root.tree_at(&path("/root/pool/none"), None).await.is_err());
        assert!(root.supervisor_at(&path("/root/pool")).await.expect("there").is_some());
        assert!(root.supervisor_at(&path("/root/first")).await.expect("there").is_none());
    });
}
