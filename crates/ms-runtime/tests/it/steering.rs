//! Steering over the control socket: previewed, carried out, refused, recorded.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::sync::mpsc;
use std::time::Duration;

use common::{Add, Hold, Node, SECOND, at, path, until, whole, with_node};
use ms_control::proto::{Fault, Verb};
use ms_control::{ControlError, Kind};
use ms_core::Incarnation;
use ms_core::stream::StreamKind;
use ms_core::view::{EventKind, Lifecycle};
use ms_ops::ops::{CountMessages, FollowEvents, Inject, SteerActor};
use ms_runtime::RunConfig;

/// Returns all events that the node keeps, oldest first.
async fn events(node: &Node) -> Vec<EventKind> {
    let stream = node.client().await.stream(FollowEvents::default()).await;
    let mut items = stream.expect("streams");
    let mut events = Vec::new();
    while let Some(item) = items.next().await {
        match item.expect("goes on").event.kind {
            StreamKind::Node(kind) => events.push(kind),
            other => panic!("{other:?}"),
        }
    }
    events
}

/// Returns verb, target and outcome of the recorded steering.
async fn record(node: &Node) -> Vec<(String, String, String)> {
    let steered = |kind: EventKind| match kind {
        EventKind::Steered { path, verb, by, outcome, .. } => {
            assert!(by.starts_with("uid ") && by.contains("pid"), "{by}");
            Some((verb, path.to_string(), outcome))
        }
        _ => None,
    };
    events(node).await.into_iter().filter_map(steered).collect()
}

#[test]
fn a_dry_run_tells_what_a_kill_does() {
    with_node(
        |config| config,
        |node| async move {
            let mut client = node.client().await;
            let alone = client.dry_run(path("/root/work/calm"), Verb::Kill).await.expect("there");
            assert_eq!(alone.stopped, [path("/root/work/calm")]);
            assert_eq!(alone.restarted, [path("/root/work/calm")]);
            let both = client.dry_run(path("/root/twins/a"), Verb::Kill).await.expect("there");
            assert_eq!(both.stopped.len(), 2);
            assert_eq!(both.restarted, [path("/root/twins/a"), path("/root/twins/b")]);
            assert!(both.escalates.is_empty() && !both.ends_node);
            // Nothing happened.
            assert_eq!(record(&node).await, []);
            client
                .steer(path("/root/twins/a"), Verb::Kill, Some("test".into()))
                .await
                .expect("there");
            // Until their supervisor knows, too, that both are up again.
            until(|| async {
                let tree = whole(&mut node.client().await).await;
                ["/root/twins/a", "/root/twins/b"].iter().all(|path| {
                    let status = &at(&tree, path).status;
                    status.incarnation.0 == 2 && status.lifecycle == Lifecycle::Running
                })
            })
            .await;
            let escalates = client.dry_run(path("/root/twins/b"), Verb::Kill).await.expect("there");
            assert_eq!(escalates.escalates, [path("/root/twins")]);
            for verb in [Verb::Kill, Verb::Restart, Verb::Suspend, Verb::Resume, Verb::Stop] {
                let refused = client.dry_run(path("/root"), verb).await.expect_err("the root");
                assert_eq!((refused.code.as_ref(), refused.kind), ("MS0011", Kind::Refused));
                let refused = client.steer(path("/root"), verb, None).await.expect_err("the root");
                assert_eq!((refused.code.as_ref(), refused.kind), ("MS0011", Kind::Refused));
            }
            let error =
                client.dry_run(path("/root/nobody"), Verb::Kill).await.expect_err("not there");
            assert_eq!(error.kind, Kind::NotFound);
            node.stop().await;
        },
    );
}

#[test]
fn every_verb_works_and_is_on_record_with_its_reason() {
    with_node(
        |config| config,
        |node| async move {
            let calm = node.actor("work", "calm").await;
            let mut client = node.client().await;
            let at = path("/root/work/calm");
            calm.ask(Add(5)).await.expect("answers");
            let done = client
                .steer(at.clone(), Verb::Restart, Some("new config".into()))
                .await
                .expect("there");
            assert_eq!(done.outcome, "restarted as #2");
            assert_eq!(calm.ask(Add(1)).await.expect("a fresh instance"), 1);
            let done = client.steer(at.clone(), Verb::Kill, None).await.expect("there");
            assert_eq!(done.outcome, "killed #2");
            until(|| async { calm.any().incarnation().0 == 3 }).await;
            client.steer(at.clone(), Verb::Stop, None).await.expect("there");
            assert!(!calm.is_alive());
            let refused =
                client.steer(at.clone(), Verb::Kill, None).await.expect_err("it does not run");
            assert_eq!(refused.kind, Kind::Refused);
            let refused = client
                .steer(path("/root"), Verb::Restart, None)
                .await
                .expect_err("nobody would start it");
            assert_eq!(refused.kind, Kind::Refused);
            let missing =
                client.steer(path("/root/nobody"), Verb::Stop, None).await.expect_err("not there");
            assert_eq!(missing.kind, Kind::NotFound);
            let done = client.steer(at.clone(), Verb::Restart, None).await;
            assert!(done.is_ok(), "a stopped child is started by restart: {done:?}");
            let record = record(&node).await;
            let verbs: Vec<_> = record.iter().map(|(verb, _, _)| verb.as_str()).collect();
            assert_eq!(verbs, ["restart", "kill", "stop", "kill", "restart", "stop", "restart"]);
            let ok: Vec<_> =
                record.iter().map(|(_, _, outcome)| outcome.starts_with("ok")).collect();
            assert_eq!(ok, [true, true, true, false, false, false, true], "{record:?}");
            let reasons = |kind: &EventKind| matches!(kind, EventKind::Steered { reason: Some(reason), .. } if reason == "new config");
            assert!(events(&node).await.iter().any(reasons));
            let info = client.info().await.expect("answers");
            assert_eq!(
                (info.counters["steering_carried_out"], info.counters["steering_refused"]),
                (4, 3)
            );
            node.stop().await;
        },
    );
}

/// A client whose answer was lost asks again with the id that it chose.
#[test]
fn a_steering_that_is_sent_again_with_its_request_id_is_one() {
    with_node(
        |config| config,
        |node| async move {
            let calm = node.actor("work", "calm").await;
            let kill = |reason: &str, id: &str| SteerActor {
                path: path("/root/work/calm"),
                verb: Verb::Kill,
                reason: Some(reason.to_owned()),
                incarnation: None,
                request_id: Some(id.parse().expect("an id")),
            };
            for _ in 0..2 {
                // Over another connection, as after a loss.
                let done = node.client().await.call(kill("stuck", "k-1")).await.expect("there");
                assert_eq!(done.outcome, "killed #1");
                until(|| async { calm.any().incarnation().0 == 2 }).await;
            }
            let other = node.client().await.call(kill("other", "k-1")).await.expect_err("known");
            assert_eq!((&*other.code, other.kind), ("MS0034", Kind::Refused), "{other}");
            let record = record(&node).await;
            assert_eq!(
                record.len(),
                2,
                "the kill and the refusal, and none of the repeat: {record:?}"
            );
            node.stop().await;
        },
    );
}

#[test]
fn a_steering_that_means_another_incarnation_leaves_the_actor_alone() {
    with_node(
        |config| config.allow_faults(),
        |node| async move {
            let calm = node.actor("work", "calm").await;
            let mut client = node.client().await;
            let at = || path("/root/work/calm");
            let (request_id, other) = (None, Some(Incarnation(7)));
            let kill = |incarnation| SteerActor {
                path: at(),
                verb: Verb::Kill,
                reason: None,
                incarnation,
                request_id: None,
            };
            let crash =
                Inject { path: at(), fault: Fault::Crash, incarnation: other, request_id: None };
            let count = CountMessages { path: at(), on: true, incarnation: other, request_id };
            let refused: [Option<ControlError>; 3] = [
                client.call(kill(other)).await.err(),
                client.call(crash).await.err(),
                client.call(count).await.err(),
            ];
            for error in refused {
                let error = error.expect("another incarnation is meant");
                assert_eq!(&*error.code, "MS0034", "{error}");
                assert_eq!(error.what, "/root/work/calm is #1 now, and #7 was meant");
            }
            assert_eq!(calm.any().incarnation(), Incarnation(1));
            client.call(kill(Some(Incarnation(1)))).await.expect("it is meant");
            let verbs: Vec<_> = record(&node).await.into_iter().map(|(verb, ..)| verb).collect();
            assert_eq!(verbs, ["kill", "inject crash", "statistics on", "kill"]);
            node.stop().await;
        },
    );
}

/// S6.2-01
#[test]
fn faults_are_refused_unless_allowed() {
    with_node(
        |config| config,
        |node| async move {
            let at = path("/root/work/calm");
            let error = node.client().await.inject(at, Fault::Crash).await.expect_err("refused");
            assert_eq!(error.kind, Kind::Refused);
            let record = record(&node).await;
            assert_eq!(record.len(), 1);
            assert_eq!(record[0].0, "inject crash");
            assert!(record[0].2.contains("does not allow"), "{record:?}");
            assert!(node.actor("work", "calm").await.any().incarnation().0 == 1);
            node.stop().await;
        },
    );
}

/// S6.2-01
#[test]
fn an_injected_crash_is_explained_and_marked_as_injected() {
    with_node(RunConfig::allow_faults, |node| async move {
        let calm = node.actor("work", "calm").await;
        calm.ask(Add(5)).await.expect("answers");
        let mut client = node.client().await;
        let at = path("/root/work/calm");
        for (fault, incarnation) in [(Fault::Crash, 2), (Fault::CrashAfterAwait, 3)] {
            client.inject(at.clone(), fault).await.expect("allowed");
            until(|| async { calm.any().incarnation().0 == incarnation }).await;
        }
        let why = client.why(at.clone(), Some(5)).await.expect("there");
        assert_eq!(why.len(), 2);
        let panic = why[1].reason.panic().expect("a panic");
        assert!(panic.handling.as_deref().expect("known").ends_with("Add"), "{panic}");
        assert!(panic.location.as_ref().expect("known").line > 0);
        assert!(why.iter().all(|why| why.injected && why.supervisor == Some(path("/root/work"))));
        // What would stop supervision itself is refused.
        for (at, fault) in [("/root", Fault::Hang), ("/root/work", Fault::Block)] {
            let error = client.inject(path(at), fault).await.expect_err("refused");
            assert_eq!(error.kind, Kind::Refused);
        }
        client.inject(at.clone(), Fault::Hang).await.expect("allowed");
        let waited = calm.ask(Add(1)).within(Duration::from_millis(200)).await;
        assert!(waited.is_err());
        client.steer(at, Verb::Kill, None).await.expect("there");
        until(|| async { calm.any().incarnation().0 == 4 }).await;
        assert_eq!(calm.ask(Add(1)).within(60 * SECOND).await.expect("answers"), 1);
        node.stop().await;
    });
}

#[test]
fn steering_that_outlasts_its_asker_is_still_on_record() {
    with_node(
        |config| config,
        |node| async move {
            let blocked = node.actor("work", "blocked").await;
            let (release, held) = mpsc::channel();
            blocked.try_tell(Hold(held)).expect("sent");
            // Once it is at it: a stop overtakes what waits.
            until(|| async { blocked.any().status().handling.is_some() }).await;
            let mut client =
                ms_control::Client::connect(&node.socket, SECOND / 2).await.expect("connects");
            let error = client
                .steer(path("/root/work/blocked"), Verb::Stop, None)
                .await
                .expect_err("takes longer");
            assert_eq!(error.kind, Kind::TimedOut, "{error:?}");
            drop(release);
            until(|| async { !record(&node).await.is_empty() }).await;
            assert_eq!(record(&node).await[0].2, "ok");
            node.stop().await;
        },
    );
}
