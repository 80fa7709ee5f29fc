//! Cases of OTP's own suites (sys, gen_server, monitors, links) that no other test covers.
//! What monitors, links and signals answer is also compared with recorded traces of the real
//! thing: `tests/golden-otp-processes`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(clippy::type_complexity, reason = "tests")]

use crate::common;

use std::time::Duration;

use actix::prelude::*;
use common::ours::{Count, Probe, Say, act, beside};
use common::{Child, Log, PAUSED_LIMIT, made, paused, probes, settle, soon};
use ms_actor::host::ChildEvent;
use ms_actor::{AskFailure, Placement, SendError, SendFailure};
use ms_core::view::Lifecycle;
use ms_core::{ExitReason, Incarnation};

/// OTP: sys_SUITE:stats
#[test]
fn statistics_count_what_came_in_and_the_status_says_it_runs() {
    paused(async |node| {
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let before = child.cell.ask_status(PAUSED_LIMIT).await.unwrap();
        assert_eq!((before.handled, before.lifecycle), (0, Lifecycle::Running));
        child.actor.ask(Count).await.unwrap();
        let after = child.cell.ask_status(PAUSED_LIMIT).await.unwrap();
        assert_eq!((after.handled, after.types.len()), (1, 1));
    });
}

/// OTP: sys_SUITE:trace
#[test]
fn a_trace_tells_each_message_while_it_is_on_and_none_after() {
    paused(async |node| {
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let mut lines = child.cell.trace(10, Duration::from_secs(60));
        settle().await;
        child.actor.ask(Count).await.unwrap();
        assert!(soon(lines.recv()).await.expect("a line").message.ends_with("Count"));
        drop(lines);
        for _ in 0..3 {
            assert!(child.actor.ask(Count).await.is_ok(), "a reader that left disturbs nobody");
        }
    });
}

/// OTP: sys_SUITE:suspend
#[test]
fn suspending_and_resuming_twice_is_no_error() {
    paused(async |node| {
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        for _ in 0..2 {
            child.cell.suspend();
            let error = child.actor.ask(Count).within(PAUSED_LIMIT).await.unwrap_err();
            assert!(matches!(error.failure, AskFailure::TimedOut { .. }), "{error}");
            let status = child.cell.ask_status(PAUSED_LIMIT).await.unwrap();
            assert_eq!(status.lifecycle, Lifecycle::Suspended);
        }
        for count in 1..3 {
            child.cell.resume();
            assert_eq!(child.actor.ask(Count).within(PAUSED_LIMIT).await.unwrap(), count);
            let status = child.cell.ask_status(PAUSED_LIMIT).await.unwrap();
            assert_eq!(status.lifecycle, Lifecycle::Running);
        }
    });
}

/// OTP: gen_server_SUITE:stop1, gen_server_SUITE:stop2
#[test]
fn a_stop_ends_with_the_reason_asked_for_and_one_of_the_dead_says_so() {
    paused(async |node| {
        for reason in [ExitReason::Normal, ExitReason::failed("other_reason")] {
            let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
            child.cell.stop(reason.clone());
            assert_eq!(child.end().await.into_reason(), reason);
            assert!(!child.cell.is_alive());
            child.cell.stop(reason);
            let down = soon(child.cell.monitor()).await;
            assert_eq!((down.incarnation, down.reason), (Incarnation::NONE, ExitReason::NoProc));
        }
    });
}

/// OTP: gen_server_SUITE:cast, gen_server_SUITE:cast_fast
#[test]
fn a_tell_is_handled_and_one_to_the_gone_is_handed_back_at_once() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        child.actor.try_tell(Say("cast")).unwrap();
        settle().await;
        assert!(log.has("cast"));
        child.cell.kill();
        child.end().await;
        child.cell.close(&ExitReason::Killed);
        let Err(SendError { failure: SendFailure::Closed { reason, .. }, message, .. }) =
            child.actor.try_tell(Say("late"))
        else {
            panic!("closed")
        };
        assert_eq!((message.0, reason), ("late", ExitReason::Killed));
    });
}

/// OTP: gen_server_SUITE:call
#[test]
fn a_call_is_answered_at_once_or_later_or_times_out_for_the_caller_alone() {
    paused(async |node| {
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let later = || {
            beside(|act| {
                let sleep = tokio::time::sleep(Duration::from_millis(30)).into_actor(act);
                Box::pin(sleep.map(|(), _, _| 7))
            })
        };
        child.actor.ask(later()).within(Duration::from_millis(60)).await.expect("delayed");
        let error = child.actor.ask(later()).within(Duration::from_millis(10)).await.unwrap_err();
        assert!(matches!(error.failure, AskFailure::TimedOut { .. }), "{error}");
        assert_eq!(child.actor.ask(Count).await.expect("both live on"), 1);
    });
}

/// OTP: gen_server_SUITE:crash
#[test]
fn a_crash_reaches_its_caller_with_its_reason_and_a_clean_end_is_no_crash() {
    paused(async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        for reason in [ExitReason::Shutdown, ExitReason::shutdown_with("reason")] {
            let given = reason.clone();
            let asked = child.actor.ask(act(move |_, ctx| ctx.exit_with(given))).await;
            assert!(asked.is_ok() || asked.unwrap_err().exit_reason() == Some(&reason));
            let exit = child.end().await;
            assert_eq!((exit.reason().clone(), exit.reason().is_clean()), (reason, true));
            child.launch().await;
        }
        let error = child.actor.ask(act(|_, _| panic!("crashed"))).await.unwrap_err();
        let exit = child.end().await;
        assert_eq!(error.exit_reason(), Some(exit.reason()));
        assert_eq!(exit.reason().panic().expect("a report").message, "crashed");
        assert!(!exit.reason().is_clean());
    });
}

/// OTP: gen_server_SUITE:start
#[test]
fn a_start_ignores_fails_or_is_cut_off() {
    paused(async |node| {
        let ignoring = made(|| Probe::default().started(|_, ctx| ctx.ignore()));
        let mut child = Child::<Probe>::new(&node, "a", &ignoring);
        child.cell.launch(Placement::Pool);
        assert!(matches!(child.event().await, ChildEvent::Ignored(_)));
        let failing = made(|| Probe::default().started(|_, ctx| ctx.fail("stopped")));
        let mut child = Child::<Probe>::new(&node, "b", &failing);
        child.cell.launch(Placement::Pool);
        assert_eq!(child.failed().await, ExitReason::failed("stopped"));
        let sleeping = made(|| {
            Probe::default().started(|act, ctx| {
                ctx.wait(tokio::time::sleep(Duration::from_secs(9)).into_actor(act));
            })
        });
        let mut child = Child::<Probe>::new(&node, "c", &sleeping);
        child.cell.launch(Placement::Pool);
        settle().await;
        let after = Duration::from_millis(100);
        child.cell.kill_for(ExitReason::InitTimeout { after });
        assert_eq!(child.failed().await, ExitReason::InitTimeout { after });
    });
}

/// OTP: monitor_SUITE:case_1
#[test]
fn the_watched_may_end_its_watcher() {
    paused(async |node| {
        let log = Log::default();
        let mut watcher = Child::<Probe>::start(&node, "w", &probes(&log)).await;
        let mut watched = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let other = watched.cell.clone();
        watcher
            .actor
            .ask(act(move |_, ctx| {
                ctx.monitor(&other);
            }))
            .await
            .unwrap();
        let victim = watcher.cell.clone();
        let kills = act(move |_, ctx| {
            victim.exit(ExitReason::failed("foo"));
            ctx.stop();
        });
        watched.actor.try_tell(kills).unwrap();
        assert_eq!(watcher.end().await.into_reason(), ExitReason::failed("foo"));
        assert_eq!(watched.end().await.into_reason(), ExitReason::Normal);
        settle().await;
        assert_eq!(log.all(), ["started"]);
    });
}

/// OTP: monitor_SUITE:demon_1, monitor_SUITE:demon_2, monitor_SUITE:case_2
#[test]
fn a_monitor_that_was_ended_tells_nothing_and_ending_it_again_does_nothing() {
    paused(async |node| {
        let log = Log::default();
        let watcher = Child::<Probe>::start(&node, "w", &probes(&log)).await;
        let mut watched = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let other = watched.cell.clone();
        let set_and_end = act(move |_, ctx| {
            let monitor = ctx.monitor(&other);
            ctx.demonitor(&other, monitor);
            ctx.demonitor(&other, monitor);
        });
        watcher.actor.ask(set_and_end).await.unwrap();
        watched.cell.kill();
        watched.end().await;
        settle().await;
        assert_eq!(log.all(), ["started"]);
    });
}

/// OTP: monitor_SUITE:local_remove_monitor
#[test]
fn a_hundred_ends_and_demonitors_at_once_tell_or_do_not_and_never_twice() {
    paused(async |node| {
        let log = Log::default();
        let watcher = Child::<Probe>::start(&node, "w", &probes(&log)).await;
        let mut ended = Vec::new();
        for n in 0..100 {
            let child =
                Child::<Probe>::start(&node, &format!("c{n}"), &probes(&Log::default())).await;
            let other = child.cell.clone();
            let both = act(move |_, ctx| {
                let monitor = ctx.monitor(&other);
                other.kill();
                if n % 2 == 0 {
                    ctx.demonitor(&other, monitor);
                }
            });
            watcher.actor.ask(both).await.unwrap();
            ended.push(child);
        }
        settle().await;
        let notices: Vec<usize> =
            (0..100).map(|n| log.count(&format!("down /test/c{n} #1 killed"))).collect();
        assert!(notices.iter().all(|count| *count <= 1), "{notices:?}");
        assert!((0..100).filter(|n| n % 2 == 1).all(|n| notices[n] == 1), "{notices:?}");
    });
}

/// OTP: monitor_SUITE:large_exit
#[test]
fn a_long_reason_arrives_whole() {
    paused(async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let reason = ExitReason::failed("x".repeat(100_000));
        let (monitor, given) = (child.cell.monitor(), reason.clone());
        child.actor.try_tell(act(move |_, ctx| ctx.exit_with(given))).unwrap();
        assert_eq!(soon(monitor).await.reason, reason);
        assert_eq!(child.end().await.into_reason(), reason);
    });
}

/// OTP: link_behaviour:normal_is_trapped
#[test]
fn a_normal_end_is_sent_to_a_link_that_traps() {
    paused(async |node| {
        let log = Log::default();
        let trapping = Child::<Probe>::start(&node, "t", &probes(&log)).await;
        let mut other = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let cell = other.cell.clone();
        let link = act(move |_, ctx| {
            ctx.trap_exit(|act, _, signal| act.log.add(format!("exit {}", signal.reason)));
            ctx.link(&cell);
        });
        trapping.actor.ask(link).await.unwrap();
        other.actor.try_tell(act(|_, ctx| ctx.stop())).unwrap();
        other.end().await;
        settle().await;
        assert_eq!(log.count("exit normal"), 1, "{:?}", log.all());
    });
}

/// The first signal is the one that ends whoever does not trap exits: a stop that a kill
/// follows at once ends with the stop's reason, but without hooks.
#[test]
fn k17_a_kill_right_behind_a_stop_ends_with_the_stops_reason_unless_it_is_trapped() {
    paused(async |node| {
        for traps in [false, true] {
            let log = Log::default();
            let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
            if traps {
                child.actor.ask(act(|_, ctx| ctx.trap_exit(|_, _, _| {}))).await.unwrap();
            }
            child.cell.stop(ExitReason::Shutdown);
            child.cell.kill();
            let want = if traps { ExitReason::Killed } else { ExitReason::Shutdown };
            assert_eq!(child.end().await.into_reason(), want, "traps: {traps}");
            assert_eq!(log.all(), ["started"]);
        }
    });
}
