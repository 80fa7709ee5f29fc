//! What msctl sees of a node, over a real control socket, whatever its actors do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::sync::mpsc;

use common::{Add, Hold, Legacy, Linger, SECOND, at, path, until, whole, with_node};
use ms_control::proto::{Fault, PsSort, Verb};
use ms_control::{Client, Kind};
use ms_core::view::{Decision, Lifecycle, Mark};
use ms_supervisor::{ChildSpec, SupervisorSpec};

/// S2.1-13, S5.1-01
#[test]
fn the_tree_answers_and_marks_who_is_in_trouble() {
    with_node(
        |config| config,
        |node| async move {
            let blocked = node.actor("work", "blocked").await;
            let backlogged = node.actor("work", "backlogged").await;
            let mut client = node.client().await;
            client.steer(path("/root/work/suspended"), Verb::Suspend, None).await.expect("there");
            let (release, held) = mpsc::channel();
            blocked.try_tell(Hold(held)).expect("sent");
            backlogged.try_tell(Linger).expect("sent");
            common::until(|| async {
                !node.marks("/root/work/blocked").await.is_empty()
                    && !node.marks("/root/work/backlogged").await.is_empty()
            })
            .await;
            (0..6).for_each(|n| backlogged.try_tell(Add(n)).expect("has room"));
            for _ in 0..20 {
                assert_eq!(whole(&mut client).await.walk().count(), 10);
            }
            let wanted = [
                ("suspended", &[Mark::Suspended][..]),
                ("blocked", &[Mark::Unresponsive]),
                ("backlogged", &[Mark::Stuck, Mark::Backlogged]),
                // Unless the machine keeps its thread waiting just now.
                ("calm", &[]),
            ];
            let tree = loop {
                let tree = whole(&mut client).await;
                let has = |(id, marks): &(&str, &[Mark])| {
                    at(&tree, &format!("/root/work/{id}")).status.marks == *marks
                };
                if wanted.iter().all(has) {
                    break tree;
                }
                tokio::time::sleep(SECOND / 10).await;
            };
            assert_eq!(at(&tree, "/root/work/suspended").status.lifecycle, Lifecycle::Suspended);
            let handling = at(&tree, "/root/work/blocked").status.handling.as_ref().expect("known");
            assert!(handling.message.ends_with("Hold") && handling.for_us > 0, "{handling:?}");
            assert_eq!(at(&tree, "/root/work/backlogged").status.mailbox.depth, Some(6));
            // Everything that need not ask the blocked actor answers, too.
            let table = client.ps(100, PsSort::Busy, Some(3)).await.expect("answers");
            assert_eq!((table.total, table.rows.len()), (10, 3));
            assert_eq!(table.rows[0].status.path, path("/root/work/blocked"));
            let (busy, window) = (table.rows[0].busy_us.expect("known"), table.window_ms * 1_000);
            assert!(busy > 0 && busy <= window + 1_000, "{busy} of {window}");
            let table = client.ps(0, PsSort::Queue, None).await.expect("answers");
            assert_eq!(table.rows[0].status.path, path("/root/work/backlogged"));
            let inspected = client.inspect(path("/root/work/blocked")).await.expect("answers");
            assert_eq!(inspected.status.marks, [Mark::Unresponsive]);
            // It is the same message still, and the time is counted on.
            let since = inspected.status.handling.as_ref().expect("known");
            assert!(
                since.message == handling.message && since.for_us > handling.for_us,
                "{since:?}"
            );
            client.steer(path("/root/work/suspended"), Verb::Resume, None).await.expect("there");
            // With a minute, as the others have, it would be given up before.
            let mut hasty = Client::connect(&node.socket, 2 * SECOND).await.expect("connects");
            let error = hasty.state(path("/root/work/blocked")).await.expect_err("cannot answer");
            assert_eq!(error.kind, Kind::TimedOut, "{error:?}");
            let info = client.info().await.expect("answers");
            assert_eq!((info.node.as_str(), info.actors, info.faults_allowed), ("test", 10, false));
            assert!(info.inspections > 20 && info.inspection_us > 0, "{info:?}");
            drop(release);
            node.stop().await;
        },
    );
}

/// A supervisor that hangs is told from one that has no children.
#[test]
fn a_supervisor_that_does_not_answer_is_marked_and_what_is_below_it_is_known_to_be_missing() {
    with_node(
        |config| config.allow_faults(),
        |node| async move {
            let mut client = node.client().await;
            client.inject(path("/root/work"), Fault::Hang).await.expect("allowed");
            let tree = loop {
                let tree = client.tree(None, None).await.expect("answers");
                if tree.silent().any(|node| node.status.path == path("/root/work")) {
                    break tree;
                }
                tokio::time::sleep(SECOND / 100).await;
            };
            assert!(at(&tree, "/root/work").children.is_empty());
            assert!(!tree.walk().any(|node| node.status.path == path("/root/work/calm")));
            client.steer(path("/root/work"), Verb::Kill, None).await.expect("there");
            while whole(&mut client).await.walk().count() < 10 {
                tokio::time::sleep(SECOND / 100).await;
            }
            node.stop().await;
        },
    );
}

/// The deepest tree there may be: what starts can be looked at.
#[test]
fn x31_a_tree_of_as_many_levels_as_a_path_has_is_shown() {
    with_node(
        |config| config,
        |node| async move {
            // Below /root: 62 supervisors and an actor.
            let leaf = SupervisorSpec::one_for_one("s62").child(ChildSpec::actor("x", || Legacy));
            let deep = (1..62).rev().fold(leaf, |below, n| {
                SupervisorSpec::one_for_one(format!("s{n}")).child(ChildSpec::supervisor(below))
            });
            node.runtime.root().start_child(ChildSpec::supervisor(deep)).await.expect("starts");
            let mut client = node.client().await;
            let tree = whole(&mut client).await;
            let deepest = tree.walk().map(|node| node.status.path.segments().count()).max();
            assert_eq!(deepest, Some(64));
            let x = tree.walk().find(|node| node.id.as_str() == "x").expect("is shown");
            let path = x.status.path.clone();
            assert_eq!(client.inspect(path.clone()).await.expect("answers").status.path, path);
            assert!(client.why(path, None).await.expect("answers").is_empty());
            node.stop().await;
        },
    );
}

#[test]
fn a_tree_larger_than_an_answer_may_be_arrives_whole() {
    const SMALL: usize = 64 * 1024;
    with_node(
        |mut config| {
            config.limits.max_response = SMALL;
            config
        },
        |node| async move {
            let pool = SupervisorSpec::dynamic("pool", ChildSpec::actor("legacy", || Legacy));
            let root = node.runtime.root();
            root.start_child(ChildSpec::supervisor(pool)).await.expect("starts");
            let pool = root.supervisor("pool").await.expect("there");
            for _ in 0..500 {
                pool.start_another().await.expect("starts");
            }
            let mut client = node.client().await;
            let tree = whole(&mut client).await;
            assert_eq!(tree.walk().count(), 10 + 501);
            let rows: Vec<_> = ms_core::tree::rows(&tree).collect();
            assert!(serde_json::to_vec(&rows).expect("JSON").len() > 3 * SMALL);
            // Asked for in one piece it is refused, not cut.
            let error = client.ps(0, PsSort::Busy, None).await.expect_err("too large");
            assert_eq!(error.kind, Kind::TooLarge, "{error:?}");
            let part = client.tree(Some(path("/root/pool")), Some(0)).await.expect("answers");
            assert_eq!((part.children.len(), part.omitted), (0, 500));
            let leaf = client.tree(Some(path("/root/pool/7")), None).await.expect("answers");
            assert_eq!(leaf.status.path, path("/root/pool/7"));
            let error = client.tree(Some(path("/root/none")), None).await.expect_err("not there");
            assert_eq!(error.kind, Kind::NotFound);
            assert_eq!(client.info().await.expect("answers").actors, 511, "the same connection");
            node.stop().await;
        },
    );
}

#[test]
fn who_shares_a_thread_with_a_blocker_is_marked_too() {
    with_node(
        |config| config.arbiters(1),
        |node| async move {
            let calm = node.actor("work", "calm").await;
            let (release, held) = mpsc::channel();
            calm.try_tell(Hold(held)).expect("sent");
            common::until(|| async { !node.marks("/root/twins/a").await.is_empty() }).await;
            let tree = whole(&mut node.client().await).await;
            assert_eq!(at(&tree, "/root/twins/a").status.marks, [Mark::Unresponsive]);
            assert_eq!(at(&tree, "/root/twins").status.marks, []);
            drop(release);
            node.stop().await;
        },
    );
}

/// S2.1-13, S2.2-02
#[test]
fn one_actor_is_shown_with_its_types_its_state_and_its_children() {
    with_node(
        |config| config,
        |node| async move {
            let calm = node.actor("work", "calm").await;
            for n in 1..=3 {
                calm.ask(Add(n)).await.expect("answers");
            }
            let mut client = node.client().await;
            let shown = client.inspect(path("/root/work/calm")).await.expect("there");
            let types: Vec<_> = shown
                .status
                .types
                .iter()
                .map(|row| (row.message.rsplit("::").next(), row.count))
                .collect();
            assert_eq!(types, [(Some("Add"), 3)]);
            assert!(shown.children.is_empty() && shown.status.restart.is_some());
            let shown = client.inspect(path("/root")).await.expect("there");
            let children: Vec<_> =
                shown.children.iter().map(|node| (node.id.as_str(), node.omitted)).collect();
            assert_eq!(children, [("work", 5), ("twins", 2)]);
            let state = client.state(path("/root/work/calm")).await.expect("there");
            assert_eq!(state.state, serde_json::json!({"sum": 6, "token": "[redacted]"}));
            let state = client.state(path("/root/work/legacy")).await.expect("there");
            assert!(state.state.is_null());
            for missing in ["/root/work/nobody", "/root/work/calm/below", "/rootx", "/other"] {
                let error = client.inspect(path(missing)).await.expect_err("not there");
                assert_eq!(error.kind, Kind::NotFound, "{missing}: {error:?}");
            }
            node.stop().await;
        },
    );
}

#[test]
fn statistics_count_from_when_they_are_switched_on() {
    with_node(
        |config| config,
        |node| async move {
            let calm = node.actor("work", "calm").await;
            calm.ask(Add(1)).await.expect("answers");
            let mut client = node.client().await;
            let at = path("/root/work/calm");
            let totals = client.statistics(at.clone(), None).await.expect("there");
            assert_eq!((totals.on, totals.handled), (false, 1));
            let on = client.statistics(at.clone(), Some(true)).await.expect("there");
            assert_eq!((on.on, on.handled, on.types.len()), (true, 0, 0));
            for _ in 0..2 {
                calm.ask(Add(1)).await.expect("answers");
            }
            let counted = client.statistics(at.clone(), None).await.expect("there");
            assert_eq!((counted.on, counted.handled, counted.types[0].count), (true, 2, 2));
            let off = client.statistics(at.clone(), Some(false)).await.expect("there");
            assert_eq!((off.on, off.handled), (false, 2));
            assert_eq!(client.statistics(at, None).await.expect("there").handled, 3);
            node.stop().await;
        },
    );
}

/// S2.1-13, S2.2-05
#[test]
fn why_tells_message_place_and_decision() {
    with_node(
        |config| config,
        |node| async move {
            let calm = node.actor("work", "calm").await;
            let mut client = node.client().await;
            let at = path("/root/work/calm");
            assert_eq!(client.why(at.clone(), None).await.expect("there"), []);
            assert_eq!(client.why(path("/root"), None).await.expect("there"), []);
            calm.ask(Add(13)).await.expect_err("crashes");
            until(|| async { calm.is_alive() }).await;
            calm.ask(Add(1)).await.expect("a fresh instance");
            let why = client.why(at, Some(5)).await.expect("there");
            assert_eq!(why.len(), 1);
            let panic = why[0].reason.panic().expect("a panic");
            assert_eq!(panic.message, "thirteen");
            let place = panic.location.as_ref().expect("known");
            assert!(place.file.ends_with("tests/it/common/mod.rs") && place.line > 0, "{place}");
            assert!(panic.handling.as_deref().expect("known").ends_with("Add"));
            assert_eq!(
                (why[0].decision, why[0].budget_used, why[0].injected),
                (Decision::Restarted, 1, false)
            );
            let error = client.why(path("/root/work/nobody"), None).await.expect_err("not there");
            assert_eq!(error.kind, Kind::NotFound);
            let error = client.interactions().await.expect_err("a bare tree");
            assert!(error.what.contains("no service"), "{error:?}");
            node.stop().await;
        },
    );
}

#[test]
fn a_node_that_has_no_tree_yet_says_so_and_tells_of_itself() {
    actix::System::new().block_on(async {
        use futures_util::StreamExt;
        use ms_ops::Caller;
        use ms_ops::ops::{Info, WalkTree};
        let node = ms_actor::Node::boot(ms_actor::NodeConfig::single_arbiter()).expect("boots");
        let control = ms_runtime::NodeControl::new(node, false, ms_runtime::Exposed::default());
        let desk = control.desk();
        let me = || Caller::local(0, None);
        let walk = WalkTree { root: None, depth: None };
        let mut rows = desk.watch(me(), SECOND, walk).expect("begins");
        let error = rows.next().await.expect("an answer").expect_err("no tree");
        assert!(error.what.contains("still starting"), "{error:?}");
        assert!(desk.call(me(), SECOND, Info {}).await.is_ok());
    });
}
