//! Starts and stops that take too long, kills, threads that do not come back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use common::*;
use ms_actor::{Placement, StateValue};
use ms_core::view::{Decision, Lifecycle, Mark};
use ms_core::{ExitReason, Restart, Shutdown};
use ms_policy::CommandError;
use ms_supervisor::{
    ChildSpec, DynamicChild, Heartbeat, StartRootError, SupervisorError, SupervisorSpec, Verb,
    start_root,
};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

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

#[test]
fn x9_a_killed_child_whose_thread_is_blocked_is_given_up_with_its_arbiter() {
    // Without a watchdog: what is found is found by the kill.
    threads_given_up(1, None, |node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(5, HOUR)
            .child(probe(&log, "a").shutdown(Shutdown::BrutalKill))
            .child(probe(&log, "neighbour"));
        let root = start(&node, tree).await;
        let (a, neighbour) = (get(&root, "a").await, get(&root, "neighbour").await);
        blocks(&a).await;
        // Blocked for longer than this waits: it is given up, not waited for.
        root.terminate_child(&id("a")).await.expect("there");
        assert_eq!(neighbour.ask(Add(1)).await.expect("on another thread"), 1);
        root.restart_child(&id("a")).await.expect("on another thread too");
        assert_eq!(a.ask(Add(1)).await.expect("answers"), 1);
    });
}

#[test]
fn x9_a_supervisor_with_a_blocked_child_stops_without_it() {
    threads_given_up(2, None, |node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(probe(&log, "first"))
            .child(probe(&log, "hung").shutdown(Shutdown::Timeout(Duration::from_millis(300))));
        let root = start(&node, tree).await;
        blocks(&get(&root, "hung").await).await;
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
    });
}

#[test]
fn x4_neighbours_on_a_wedged_arbiter_move_uncounted_with_their_mail() {
    threads(1, |node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(1, HOUR)
            .child(probe(&log, "culprit"))
            .child(probe(&log, "n1"))
            .child(probe(&log, "n2"));
        let root = start(&node, tree).await;
        let (culprit, n1) = (get(&root, "culprit").await, get(&root, "n1").await);
        blocks(&culprit).await;
        n1.try_tell(Add(5)).expect("waits");
        n1.try_tell(Add(5)).expect("waits");
        let answer = n1.ask(Add(0)).within(MINUTE).await;
        assert_eq!(answer.expect("on another thread"), 10, "its mail moved with it");
        assert_eq!(culprit.ask(Add(1)).within(MINUTE).await.expect("replaced"), 1);
        until("n2 is back", async || {
            let why = root.why(&path("/root/n2"), 1).await.expect("there");
            why.first().is_some_and(|why| why.decision == Decision::Evacuated)
        })
        .await;
        let why = root.why(&path("/root/culprit"), 1).await.expect("there");
        assert!(matches!(why[0].reason, ExitReason::HeartbeatLost { .. }), "{why:?}");
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(tree.supervisor.expect("one").restarts_in_window, 1, "the culprit alone counts");
    });
}

#[test]
fn x4_a_start_lost_with_its_arbiter_is_begun_anew() {
    threads(1, |node| async move {
        let log = Log::default();
        let root =
            start(&node, SupervisorSpec::one_for_one("root").child(probe(&log, "culprit"))).await;
        blocks(&get(&root, "culprit").await).await;
        // It lands on the thread that is blocked.
        let started = root
            .start_child(probe(&log, "late").restart(Restart::Temporary))
            .await
            .expect("starts elsewhere");
        assert_eq!(
            started.typed::<Probe>().expect("a probe").ask(Add(1)).await.expect("answers"),
            1
        );
    });
}

/// S2.4-06
#[test]
fn x2_a_handler_that_blocks_its_thread_misses_its_heartbeats() {
    threads(2, |node| async move {
        let log = Log::default();
        let beat = Heartbeat { every: Duration::from_millis(300), missed: 3 };
        let tree = SupervisorSpec::one_for_one("root").intensity(5, HOUR);
        let root = start(
            &node,
            tree.child(probe(&log, "a").placement(Placement::Dedicated).heartbeat(beat)),
        )
        .await;
        let a = get(&root, "a").await;
        blocks(&a).await;
        let error = a.ask(Add(1)).within(MINUTE).await.expect_err("in the mailbox of the hung one");
        assert!(matches!(error.exit_reason(), Some(ExitReason::HeartbeatLost { .. })), "{error}");
        assert_eq!(a.ask(Add(1)).await.expect("replaced"), 1);
        let why = root.why(&path("/root/a"), 1).await.expect("there");
        assert!(matches!(why[0].reason, ExitReason::HeartbeatLost { .. }), "{why:?}");
    });
}

/// S2.4-05: by default the supervisor looks at the beats of its children at 5, 10 and 15 s.
#[test]
fn x2_heartbeats_are_looked_at_every_five_seconds() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root").intensity(5, HOUR)).await;
        root.start_child(probe(&log, "a").heartbeat(Heartbeat::default())).await.expect("starts");
        let looks = async || match root.any().state(Duration::from_secs(1)).await.expect("answers")
        {
            Some(StateValue::Map(state)) => state.get("looks_at_heartbeats").cloned(),
            other => panic!("{other:?}"),
        };
        let count = |looks: u64| Some(StateValue::from(looks));
        let began = node.now();
        let mut seen = Vec::new();
        let mut last = looks().await;
        assert_eq!(last, count(0));
        // Between two tenths of a second, so that no timer is met in its own moment.
        sleep_ms(50).await;
        while seen.len() < 3 {
            sleep_ms(100).await;
            let now = looks().await;
            if now != last {
                last = now.clone();
                seen.push((node.now().since(began).as_millis() / 100 * 100, now));
            }
        }
        assert_eq!(seen, [(5_000, count(1)), (10_000, count(2)), (15_000, count(3))]);
    });
}

/// Heartbeats are handed down: to workers, to supervisors themselves, to what is added at run time,
/// and not to those that have their own or want none.
#[test]
fn x2_heartbeats_of_a_supervisor_are_those_of_all_below_it() {
    paused(|node| async move {
        let log = Log::default();
        let beats = |seconds, missed| Heartbeat { every: Duration::from_secs(seconds), missed };
        let below = SupervisorSpec::one_for_one("below")
            .intensity(5, HOUR)
            .child(probe(&log, "heir"))
            .child(probe(&log, "patient").heartbeat(beats(60, 3)))
            .child(probe(&log, "free").without_heartbeat());
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(5, HOUR)
            .heartbeats(beats(1, 3))
            .child(ChildSpec::supervisor(below));
        let root = start(&node, tree).await;
        let below = root.supervisor("below").await.expect("there");
        below.start_child(probe(&log, "late")).await.expect("starts");
        for name in ["heir", "patient", "free", "late"] {
            get(&below, name).await.try_tell(Hang).expect("sent");
        }
        sleep_ms(10_000).await;
        for (name, ends) in [("heir", 1), ("patient", 0), ("free", 0), ("late", 1)] {
            let at = path(&format!("/root/below/{name}"));
            let why = root.why(&at, 5).await.expect("there");
            let lost = |why: &&ms_core::view::WhyRecord| {
                why.reason == ExitReason::HeartbeatLost { missed: 3 }
            };
            assert_eq!(why.iter().filter(lost).count(), ends, "{name}: {why:?}");
        }
        below.any().inject(ms_actor::Fault::Hang);
        sleep_ms(10_000).await;
        let why = root.why(&path("/root/below"), 1).await.expect("there");
        assert_eq!(why[0].reason, ExitReason::HeartbeatLost { missed: 3 }, "the supervisor");
    });
}

/// A child is found when its own time is up, not when the supervisor looks next: at most 15 s after
/// it began to hang with beats of 5 s, wherever between two looks that was.
#[test]
fn x2_a_child_is_found_when_its_time_is_up_and_not_a_beat_later() {
    for offset in [100, 2_600, 4_900] {
        paused(move |node| async move {
            let log = Log::default();
            let root = start(&node, SupervisorSpec::one_for_one("root").intensity(5, HOUR)).await;
            let spec = probe(&log, "a").heartbeat(Heartbeat::default());
            root.start_child(spec).await.expect("starts");
            let a = get(&root, "a").await;
            sleep_ms(offset).await;
            a.try_tell(Hang).expect("sent");
            sleep_ms(14_900).await;
            assert_eq!(a.any().incarnation().0, 1, "it may be silent for that long");
            sleep_ms(300).await;
            assert_eq!(a.any().incarnation().0, 2, "{offset} ms after a look");
        });
    }
}

/// S2.4-06
#[test]
fn x2_an_async_handler_that_hangs_is_found_and_one_added_at_run_time_too() {
    paused(|node| async move {
        let log = Log::default();
        let beat = Heartbeat { every: Duration::from_secs(1), missed: 3 };
        let root = start(&node, SupervisorSpec::one_for_one("root").intensity(5, HOUR)).await;
        root.start_child(probe(&log, "a").heartbeat(beat)).await.expect("starts");
        root.start_child(probe(&log, "calm")).await.expect("starts");
        let (a, calm) = (get(&root, "a").await, get(&root, "calm").await);
        a.try_tell(Hang).expect("sent");
        calm.try_tell(Hang).expect("sent");
        let error = a
            .ask(Add(1))
            .within(Duration::from_secs(20))
            .await
            .expect_err("in the mailbox of the hung one");
        assert_eq!(error.exit_reason(), Some(&ExitReason::HeartbeatLost { missed: 3 }));
        assert_eq!(a.ask(Add(1)).await.expect("replaced"), 1);
        let why = root.why(&path("/root/a"), 1).await.expect("there");
        assert_eq!(why[0].reason, ExitReason::HeartbeatLost { missed: 3 });
        calm.ask(Add(1))
            .within(Duration::from_secs(60))
            .await
            .expect_err("without heartbeats it hangs on");
    });
}

/// S2.2-09, S2.2-10, S2.2-13
#[test]
fn tasks_are_cancelled_with_their_supervisor_and_restarted_over_panics() {
    struct Cancelled(Arc<AtomicBool>);
    impl Drop for Cancelled {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    paused(|node| async move {
        let dropped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&dropped);
        let endless = move || {
            let guard = Cancelled(Arc::clone(&flag));
            async move {
                let _guard = guard;
                std::future::pending::<()>().await;
                Ok::<(), std::io::Error>(())
            }
        };
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let panicking = move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(run > 1, "run {run}");
                std::future::pending::<Result<(), std::io::Error>>().await
            }
        };
        let short = Arc::new(AtomicU32::new(0));
        let ends = Arc::clone(&short);
        let permanent = move || {
            ends.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<(), std::io::Error>(())
            }
        };
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(20, HOUR)
            .child(ChildSpec::task("endless", endless))
            .child(ChildSpec::task("panics", panicking))
            .child(ChildSpec::task("permanent", permanent));
        let root = start(&node, tree).await;
        sleep_ms(3_500).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        assert_eq!(
            short.load(Ordering::SeqCst),
            4,
            "a permanent task is run again when it is done"
        );
        let why = root.why(&path("/root/panics"), 1).await.expect("there");
        assert_eq!(why[0].reason.panic().expect("a panic").message, "run 1");
        assert!(!dropped.load(Ordering::SeqCst));
        root.terminate_child(&id("endless")).await.expect("there");
        assert!(dropped.load(Ordering::SeqCst), "its future is dropped, not left to run");
        root.stop(HOUR).await;
    });
}

#[test]
fn x7_max_children_is_kept_over_restarts() {
    paused(|node| async move {
        let log = Log::default();
        let tree =
            SupervisorSpec::dynamic("root", probe(&log, "w")).max_children(3).intensity(100, HOUR);
        let root = start(&node, tree).await;
        for _ in 0..3 {
            root.start_another().await.expect("there is room");
        }
        for _ in 0..5 {
            root.steer(&path("/root/1"), Verb::Kill).await.expect("there");
            settle().await;
            let error = root.start_another().await.expect_err("full");
            assert!(matches!(
                error,
                SupervisorError::Command(CommandError::MaxChildren { limit: 3 })
            ));
        }
        root.terminate_dynamic(&path("/root/2")).await.expect("there");
        root.start_another().await.expect("there is room again");
    });
}

/// OTP: supervisor_SUITE:simple_one_for_one_scale_many_temporary_children
///
/// The work that it is, not the time that it takes: of this thread alone, whatever else the machine does.
#[test]
fn ten_thousand_dynamic_children_start_and_stop_with_linear_work() {
    /// Nanoseconds for which this thread has run.
    fn work() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel");
        text.split(' ').next().expect("a first figure").parse().expect("a number")
    }
    fn run(count: usize) -> u64 {
        paused(|node| async move {
            struct Idle;
            impl actix::Actor for Idle {
                type Context = ms_actor::Context<Self>;
            }
            let template = ChildSpec::actor("w", || Idle).restart(Restart::Temporary);
            let root = start(&node, SupervisorSpec::dynamic("root", template)).await;
            let before = work();
            for _ in 0..count {
                root.start_another().await.expect("starts");
            }
            assert_eq!(root.count_children().await.expect("answers").active, count);
            assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
            work() - before
        })
    }
    run(500);
    let (small, large) = (run(2_500), run(10_000));
    // Four times the children; sixteen times the work if each looked at all the others.
    assert!(large < small * 12, "{small} ns for 2,500, {large} ns for 10,000");
}

#[test]
fn dynamic_supervisors_of_supervisors() {
    paused(|node| async move {
        let log = Log::default();
        let template = ChildSpec::supervisor(SupervisorSpec::one_for_one("session"));
        let root = start(&node, SupervisorSpec::dynamic("root", template).intensity(5, HOUR)).await;
        for name in ["s1", "s2"] {
            let session = SupervisorSpec::one_for_one(name).child(probe(&log, "a"));
            root.start_dynamic(DynamicChild::supervisor(session)).await.expect("starts");
        }
        let twice = DynamicChild::supervisor(SupervisorSpec::one_for_one("s1"));
        let error = root.start_dynamic(twice).await.expect_err("present");
        assert!(matches!(error, SupervisorError::Command(CommandError::AlreadyStarted { .. })));
        root.steer(&path("/root/s1"), Verb::Kill).await.expect("there");
        settle().await;
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(node_at(&tree, "/root/s1/a").status.lifecycle, Lifecycle::Running);
        assert_eq!(node_at(&tree, "/root/s2/a").status.lifecycle, Lifecycle::Running);
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

#[test]
fn hung_suspended_and_backlogged_actors_are_in_the_tree_and_delay_nobody() {
    // Without a watchdog: nobody is given up meanwhile.
    threads_given_up(3, None, |node| async move {
        let log = Log::default();
        let dedicated = |name| probe(&log, name).placement(Placement::Dedicated);
        let inner = SupervisorSpec::one_for_one("inner")
            .child(dedicated("hung").bounded(100, ms_actor::Overflow::Reject));
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::supervisor(inner))
            .child(dedicated("suspended"))
            .child(dedicated("backlogged").bounded(10, ms_actor::Overflow::Reject))
            .child(probe(&log, "fine"));
        let root = start(&node, tree).await;
        let hung = root
            .find(&path("/root/inner/hung"))
            .await
            .expect("there")
            .typed::<Probe>()
            .expect("a probe");
        root.steer(&path("/root/suspended"), Verb::Suspend).await.expect("there");
        let backlogged = get(&root, "backlogged").await;
        backlogged.any().suspend();
        sleep_ms(50).await;
        for _ in 0..8 {
            backlogged.try_tell(Add(1)).expect("sent");
        }
        blocks(&hung).await;
        let tree = root.tree(None).await.expect("answers");
        let hung = &node_at(&tree, "/root/inner/hung").status;
        assert!(
            hung.handling.as_ref().is_some_and(|handling| handling.message.ends_with("Block")),
            "{hung:?}"
        );
        assert!(node_at(&tree, "/root/suspended").status.marks.contains(&Mark::Suspended));
        assert!(node_at(&tree, "/root/backlogged").status.marks.contains(&Mark::Backlogged));
        assert!(node_at(&tree, "/root/fine").status.marks.is_empty());
    });
}
