//! Starts and stops that take too long, and kills.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use std::time::Duration;

use common::*;
use ms_core::{ExitReason, Shutdown};
use ms_policy::CommandError;
use ms_supervisor::{ChildSpec, StartRootError, SupervisorError, SupervisorSpec, Verb, start_root};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn f1_each_child_is_stopped_as_its_spec_says() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(
                stubborn_probe(&log, "timed")
                    .shutdown(Shutdown::Timeout(Duration::from_millis(300))),
            )
            .child(stubborn_probe(&log, "brutal").shutdown(Shutdown::BrutalKill))
            .child(stubborn_probe(&log, "zero").shutdown(Shutdown::Timeout(Duration::ZERO)))
            .child(probe(&log, "patient").shutdown(Shutdown::Infinity));
        let root = start(&node, tree).await;
        for (name, at_least, at_most) in
            [("patient", 0, 5), ("zero", 0, 5), ("brutal", 0, 5), ("timed", 300, 305)]
        {
            let began = node.now();
            root.terminate_child(&id(name)).await.expect("there");
            let took = node.now().since(began).as_millis();
            assert!((at_least..=at_most).contains(&took), "{name}: {took} ms");
            let child = root.child(&id(name)).await.expect("answers").expect("there");
            // With no time at all the kill comes right behind the order to stop, which is what
            // ends an actor that does not trap exits.
            let expected = match name {
                "patient" | "zero" => ExitReason::Shutdown,
                _ => ExitReason::Killed,
            };
            assert_eq!(child.last_exit(), Some(expected), "{name}");
        }
    });
}

/// OTP: supervisor_SUITE:sup_stop_race
#[test]
fn f3_a_child_that_ends_while_it_is_stopped_cannot_hang_its_supervisor() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(
            &node,
            SupervisorSpec::one_for_one("root").intensity(0, HOUR).child(probe(&log, "a")),
        )
        .await;
        for _ in 0..3 {
            // Its crash and the order to stop it are on their way at the same time.
            get(&root, "a").await.try_tell(Crash).expect("sent");
            root.terminate_child(&id("a")).await.expect("there");
            settle().await;
            let Ok(counts) = root.count_children().await else {
                // The crash came first: a budget of zero is used up.
                assert_eq!(root.ended().await, ExitReason::Shutdown);
                break;
            };
            assert_eq!((counts.specs, counts.active), (1, 0), "stopped, and still there");
            root.restart_child(&id("a")).await.expect("starts");
            assert_eq!(get(&root, "a").await.ask(Add(1)).await.expect("answers"), 1);
        }
    });
}

#[test]
fn f4_a_tree_stops_in_reverse_start_order_level_by_level() {
    paused(|node| async move {
        let log = Log::default();
        let inner = |name: &str, log: &Log| {
            let (x, y) = (probe(log, &format!("{name}-x")), probe(log, &format!("{name}-y")));
            ChildSpec::supervisor(SupervisorSpec::one_for_one(name).child(x).child(y))
        };
        let tree = SupervisorSpec::one_for_one("root")
            .child(inner("a", &log))
            .child(probe(&log, "b"))
            .child(inner("c", &log));
        let root = start(&node, tree).await;
        log.take();
        assert_eq!(
            root.stop_with(ExitReason::shutdown_with("update"), HOUR).await,
            ExitReason::shutdown_with("update")
        );
        assert_eq!(log.take(), ["-c-y", "-c-x", "-b", "-a-y", "-a-x"]);
    });
}

#[test]
fn f5_children_of_a_killed_supervisor_end_and_hung_ones_are_fenced_off() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner")
            .child(probe(&log, "a"))
            .child(stubborn_probe(&log, "hung"));
        let root =
            start(&node, SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(inner)))
                .await;
        let inner = root.supervisor("inner").await.expect("there");
        log.take();
        root.steer(&path("/root/inner"), Verb::Kill).await.expect("there");
        settle().await;
        let seen = log.take();
        for line in ["-a", "+a", "-hung", "+hung"] {
            assert_eq!(seen.iter().filter(|seen| *seen == line).count(), 1, "{line} in {seen:?}");
        }
        assert_eq!(inner.count_children().await.expect("answers").active, 2);
    });
}

#[test]
fn f5_as_in_otp_orphans_may_be_left_alone() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner").child(stubborn_probe(&log, "hung"));
        let tree = SupervisorSpec::one_for_one("root")
            .lasting_refs(false)
            .child(ChildSpec::supervisor(inner));
        let root = start(&node, tree).await;
        let orphan = root.find(&path("/root/inner/hung")).await.expect("there");
        log.take();
        root.steer(&path("/root/inner"), Verb::Kill).await.expect("there");
        settle().await;
        assert_eq!(log.take(), ["+hung"]);
        assert!(orphan.is_alive() && !orphan.is_closed());
        orphan.kill();
        settle().await;
        assert!(orphan.is_closed(), "somebody says that no other life comes");
    });
}

/// OTP: supervisor_SUITE:sup_stop_infinity
#[test]
fn f7_an_infinite_shutdown_holds_the_whole_stop_up() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(probe(&log, "a"))
            .child(stubborn_probe(&log, "b").shutdown(Shutdown::Infinity));
        let root = start(&node, tree).await;
        log.take();
        root.any().stop(ExitReason::Shutdown);
        sleep_ms(86_400_000).await;
        assert!(root.any().is_alive() && log.take().is_empty());
        root.find(&path("/root/b")).await.map(|b| b.kill()).expect("inspection goes on");
        assert_eq!(root.ended().await, ExitReason::Shutdown);
        assert_eq!(log.take(), ["-b", "-a"]);
    });
}

#[test]
fn x5_an_init_that_takes_too_long_is_a_failed_start() {
    paused(|node| async move {
        let log = Log::default();
        let slow = |limit| slow_probe(&log, "slow", Duration::from_secs(10)).start_timeout(limit);
        let tree = SupervisorSpec::one_for_one("root").child(slow(Some(Duration::from_secs(2))));
        let began = node.now();
        let error = start_root(&node, tree).await.expect_err("too slow");
        let StartRootError::Failed(ExitReason::ChildStartFailed { reason, .. }) = &error else {
            panic!("{error}")
        };
        assert_eq!(**reason, ExitReason::InitTimeout { after: Duration::from_secs(2) });
        assert!(node.now().since(began) < Duration::from_secs(3));
        start(&node, SupervisorSpec::one_for_one("other").child(slow(None))).await;
        assert!(
            node.now().since(began) >= Duration::from_secs(12),
            "without a limit it is waited for"
        );
    });
}

#[test]
fn a_child_killed_during_its_init_is_a_failed_start() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root")).await;
        let slow = slow_probe(&log, "slow", Duration::from_secs(20));
        let starting = actix::spawn({
            let root = root.as_supervisor().clone();
            async move { root.start_child(slow).await }
        });
        settle().await;
        root.steer(&path("/root/slow"), Verb::Kill).await.expect("there");
        let error = starting.await.expect("ends").expect_err("killed");
        assert!(matches!(
            error,
            SupervisorError::Command(CommandError::StartFailed { reason: ExitReason::Killed })
        ));
        assert_eq!(root.count_children().await.expect("answers").specs, 0);
    });
}

#[test]
fn a_stop_during_a_boot_waits_for_the_child_that_starts() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner").child(slow_probe(
            &log,
            "slow",
            Duration::from_secs(3),
        ));
        let root = start(&node, SupervisorSpec::one_for_one("root")).await;
        let adding = actix::spawn({
            let (root, inner) = (root.as_supervisor().clone(), ChildSpec::supervisor(inner));
            async move { root.start_child(inner).await.map(drop) }
        });
        settle().await;
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
        drop(adding.await);
        assert_eq!(log.take(), ["+slow", "-slow"]);
    });
}

/// S9.1-01
#[test]
fn a_storm_of_kills_on_many_threads_loses_nobody() {
    let seed = ms_testkit::seed();
    threads(4, |node| async move {
        let log = Log::default();
        let mut tree = SupervisorSpec::one_for_one("root").intensity(100_000, HOUR);
        for (n, strategy) in
            [SupervisorSpec::one_for_one, SupervisorSpec::one_for_all, SupervisorSpec::rest_for_one]
                .into_iter()
                .enumerate()
        {
            let mut below = strategy(format!("s{n}")).intensity(3, Duration::from_secs(1));
            for w in 0..6 {
                below = below.child(probe(&log, &format!("w{n}-{w}")));
            }
            tree = tree.child(ChildSpec::supervisor(below));
        }
        let root = start(&node, tree).await;
        let mut state = seed;
        let mut hits = [0; 4];
        for _ in 0..300 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (n, w) = ((state >> 40) % 3, (state >> 33) % 6);
            let at = path(&format!("/root/s{n}/w{n}-{w}"));
            // Its supervisor may be between two lives.
            if let Ok(actor) = root.find(&at).await {
                let kind = (state >> 50) as usize % 4;
                match kind {
                    0 => actor.kill(),
                    1 => actor.exit(ExitReason::failed("storm")),
                    2 => actor.inject(ms_actor::Fault::Panic),
                    _ => match root.steer(&path(&format!("/root/s{n}")), Verb::Kill).await {
                        Ok(_) => {}
                        Err(_) => continue,
                    },
                }
                hits[kind] += 1;
            }
            if state.is_multiple_of(5) {
                sleep_ms(1).await;
            }
        }
        assert!(hits.iter().all(|hit| *hit > 0), "a fault that struck nobody: {hits:?}");
        // Asked again and again: a fault that was ordered may strike after the last look, and its
        // victim, with its siblings, is then down once more.
        until("all 18 workers answer", async || {
            for (n, w) in (0..3).flat_map(|n| (0..6).map(move |w| (n, w))) {
                let at = path(&format!("/root/s{n}/w{n}-{w}"));
                let Ok(actor) = root.find(&at).await else { return false };
                let worker = actor.typed::<Probe>().expect("a probe");
                if worker.ask(Add(1)).await.is_err() {
                    return false;
                }
            }
            true
        })
        .await;
        assert_eq!(root.stop(Duration::from_secs(10)).await, ExitReason::Shutdown);
        until("every instance is gone", async || log.instances() == 0).await;
    });
}
