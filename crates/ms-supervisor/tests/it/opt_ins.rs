//! What supervisors do beyond OTP's when they are asked to: starts in the background, and a
//! pause instead of giving up.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::*;
use ms_core::view::Decision;
use ms_core::{ErrorChain, ExitReason, Restart, WhenExhausted};
use ms_supervisor::{Heartbeat, StartRootError, SupervisorSpec};

const HOUR: Duration = Duration::from_secs(3600);
const SLOW: Duration = Duration::from_secs(20);

#[test]
fn x16_a_slow_init_in_the_background_holds_up_neither_siblings_nor_answers() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(slow_probe(&log, "slow", SLOW).start_in_background())
            .child(probe(&log, "quick"));
        let began = node.now();
        let root = start(&node, tree).await;
        root.start_child(probe(&log, "added")).await.expect("starts");
        let added = slow_probe(&log, "late", SLOW).start_in_background();
        root.start_child(added).await.expect("is begun");
        assert_eq!(rows(&root).await, "slow:up quick:up added:up late:up");
        assert!(node.now().since(began) < Duration::from_secs(1));
        // Its mail waits until it is ready.
        let answer = get(&root, "slow").await.ask(Add(3)).within(SLOW * 2).await;
        assert_eq!(answer.expect("answers"), 3);
        assert!(node.now().since(began) >= SLOW);
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
    });
}

#[test]
fn x16_a_background_init_that_fails_is_an_end_like_any_other() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(2, HOUR)
            .child(scripted(&log, "a", &["error", "error", "ok"]).start_in_background())
            .child(probe(&log, "b"));
        let root = start(&node, tree).await;
        settle().await;
        assert_eq!(rows(&root).await, "a:up b:up");
        let view = root.tree(Some(0)).await.expect("answers").supervisor.expect("one");
        assert_eq!(view.restarts_in_window, 2, "both are counted");
        let crash = get(&root, "a").await;
        crash.try_tell(Crash).expect("it lives");
        assert_eq!(root.ended().await, ExitReason::Shutdown);
    });
}

#[test]
fn x16_a_background_init_that_ignores_or_takes_too_long() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(1, HOUR)
            .child(scripted(&log, "shy", &["ignore", "ok"]).start_in_background())
            .child(
                scripted(&log, "gone", &["ignore"])
                    .restart(Restart::Temporary)
                    .start_in_background(),
            )
            .child(
                slow_probe(&log, "slow", SLOW)
                    .restart(Restart::Temporary)
                    .start_timeout(Some(Duration::from_secs(1)))
                    .start_in_background(),
            );
        let root = start(&node, tree).await;
        settle().await;
        assert_eq!(rows(&root).await, "shy:down slow:up");
        sleep_ms(1_500).await;
        assert_eq!(rows(&root).await, "shy:down", "an init that takes too long is ended");
        assert!(root.restart_child(&id("shy")).await.expect("is begun").actor.is_some());
        settle().await;
        assert_eq!(rows(&root).await, "shy:up");
    });
}

#[test]
fn x16_a_stop_while_a_background_init_runs_waits_for_its_end() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(slow_probe(&log, "slow", SLOW).start_in_background());
        let root = start(&node, tree).await;
        settle().await;
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
        assert_eq!(log.instances(), 0);
    });
}

#[test]
fn x17_a_supervisor_that_pauses_does_not_give_up() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(1, Duration::from_secs(5))
            .when_exhausted(WhenExhausted::Pause(Duration::from_secs(30)))
            .child(probe(&log, "a"))
            .child(probe(&log, "b"));
        let root = start(&node, tree).await;
        crash(&get(&root, "a").await).await;
        assert_eq!(rows(&root).await, "a:up b:up", "the first restart is granted");
        crash(&get(&root, "a").await).await;
        assert_eq!(rows(&root).await, "a:restarting b:up", "the second waits");
        let why = root.why(&path("/root/a"), 1).await.expect("there");
        assert_eq!((why[0].decision, why[0].next_delay_ms), (Decision::Delayed, Some(30_000)));
        sleep_ms(29_000).await;
        assert_eq!(rows(&root).await, "a:restarting b:up");
        sleep_ms(1_100).await;
        assert_eq!(rows(&root).await, "a:up b:up");
        // The window has room again.
        crash(&get(&root, "b").await).await;
        assert_eq!(rows(&root).await, "a:up b:up");
    });
}

#[test]
fn x17_a_group_pauses_together_and_a_child_that_never_starts_is_tried_once_a_pause() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_all("root")
            .intensity(0, HOUR)
            .when_exhausted(WhenExhausted::Pause(Duration::from_secs(10)))
            .child(probe(&log, "a"))
            .child(scripted(&log, "b", &["ok", "error", "error", "ok"]));
        let root = start(&node, tree).await;
        log.take();
        crash(&get(&root, "a").await).await;
        assert_eq!(rows(&root).await, "a:restarting b:down");
        assert_eq!(log.take(), ["-a", "-b"]);
        sleep_ms(10_100).await;
        assert_eq!(log.take(), ["+a", "!b", "-a"], "the group waits together, and is down");
        sleep_ms(10_100).await;
        assert_eq!(log.take(), ["+a", "!b", "-a"]);
        sleep_ms(10_100).await;
        assert_eq!(log.take(), ["+a", "+b"]);
        assert_eq!(rows(&root).await, "a:up b:up");
    });
}

#[test]
fn x17_a_pause_has_a_length_and_is_cancelled_by_terminate_child() {
    paused(|node| async move {
        let log = Log::default();
        let pausing = |pause| {
            SupervisorSpec::one_for_one("root")
                .intensity(0, HOUR)
                .when_exhausted(WhenExhausted::Pause(pause))
                .child(probe(&log, "a"))
        };
        let error = not_started(&node, pausing(Duration::ZERO)).await;
        assert!(matches!(error, StartRootError::Spec(_)), "{error}");
        let root = start(&node, pausing(Duration::from_secs(10))).await;
        crash(&get(&root, "a").await).await;
        root.terminate_child(&id("a")).await.expect("there");
        sleep_ms(11_000).await;
        assert_eq!(rows(&root).await, "a:down");
    });
}

/// What all below a supervisor inherit is checked as what a child has of its own.
#[test]
fn heartbeats_for_all_below_are_refused_when_they_find_nobody_or_everybody_hung() {
    for every in [Duration::ZERO, Duration::MAX] {
        let beats = Heartbeat { every, missed: 3 };
        let below = SupervisorSpec::one_for_one("below").heartbeats(beats);
        for tree in [
            SupervisorSpec::one_for_one("root").heartbeats(beats),
            SupervisorSpec::one_for_one("root").child(ms_supervisor::ChildSpec::supervisor(below)),
        ] {
            let error = tree.check().expect_err("refused");
            // The cause is the error's source, and not in its own text: it was printed twice.
            let chain = ErrorChain::from_error(&error).to_string();
            assert!(chain.contains("invalid heartbeat"), "{chain}");
        }
    }
}
