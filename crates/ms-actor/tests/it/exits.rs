//! Ends, and who is told: monitors, links, signals, stops, kills, inits, suspension, status.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dropping_copy_types,
    clippy::type_complexity,
    reason = "drop says that an answer is not looked at"
)]

use crate::common;

use std::time::Duration;

use actix::prelude::*;
use common::ours::{Count, Say};
use common::ours::{Probe, act, alone};
use common::{Child, Log, PAUSED_LIMIT, made, paused, probes, settle, soon, threads};
use ms_actor::host::ChildEvent;
use ms_actor::{
    AskFailure, Blueprint, DebugError, Fault, MailboxSpec, Placement, SendError, SendFailure,
    StartError, StateValue, WhileDown, spawn,
};
use ms_core::view::{Lifecycle, Mark, Tier};
use ms_core::{ExitReason, Incarnation};

fn crash() -> common::ours::Do {
    act(|_, _| panic!("told to"))
}

/// OTP: monitor_SUITE:mon_1
#[test]
fn a_monitor_tells_exactly_once() {
    paused(async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let monitor = child.cell.monitor();
        let id = monitor.id();
        child.actor.try_tell(crash()).unwrap();
        let down = soon(monitor).await;
        assert_eq!(
            (down.monitor, &down.path, down.incarnation),
            (id, child.cell.path(), Incarnation(1))
        );
        assert_eq!(down.reason, child.end().await.into_reason());
        assert_eq!(down.reason.panic().unwrap().message, "told to");
    });
}

#[test]
fn monitors_stack_and_reach_handlers_once_each() {
    paused(async |node| {
        let log = Log::default();
        let watcher = Child::<Probe>::start(&node, "w", &probes(&log)).await;
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        for _ in 0..3 {
            let other = child.cell.clone();
            watcher.actor.ask(act(move |_, ctx| drop(ctx.monitor(&other)))).await.unwrap();
        }
        child.cell.kill();
        child.end().await;
        settle().await;
        assert_eq!(log.count("down /test/a #1 killed"), 3);
        child.launch().await;
        child.cell.kill();
        child.end().await;
        settle().await;
        assert_eq!(log.all().len(), 4, "a monitor is spent after one end: {:?}", log.all());
    });
}

/// OTP: monitor_SUITE:mon_1
#[test]
fn a_dead_actor_is_noproc_to_a_monitor() {
    paused(async |node| {
        let child = Child::<Probe>::new(&node, "a", &probes(&Log::default()));
        let down = soon(child.cell.monitor()).await;
        assert_eq!((down.incarnation, down.reason), (Incarnation::NONE, ExitReason::NoProc));
    });
}

/// OTP: monitor_SUITE:demonitor_flush
#[test]
fn demonitor_ends_one_monitor_of_several() {
    paused(async |node| {
        let log = Log::default();
        let watcher = Child::<Probe>::start(&node, "w", &probes(&log)).await;
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let other = child.cell.clone();
        let twice = act(move |_, ctx| {
            let first = ctx.monitor(&other);
            ctx.monitor(&other);
            ctx.demonitor(&other, first);
        });
        watcher.actor.ask(twice).await.unwrap();
        child.cell.kill();
        child.end().await;
        settle().await;
        assert_eq!(log.count("down /test/a #1 killed"), 1);
    });
}

/// OTP: monitor_SUITE:list_cleanup
#[test]
fn a_monitor_dies_with_the_life_that_set_it() {
    paused(async |node| {
        let log = Log::default();
        let mut watcher = Child::<Probe>::start(&node, "w", &probes(&log)).await;
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let other = child.cell.clone();
        watcher.actor.ask(act(move |_, ctx| drop(ctx.monitor(&other)))).await.unwrap();
        watcher.cell.kill();
        watcher.end().await;
        watcher.launch().await;
        child.cell.kill();
        child.end().await;
        settle().await;
        assert_eq!(log.all(), ["started", "started"]);
    });
}

async fn linked(node: &ms_actor::Node, trap: bool) -> (Child<Probe>, Child<Probe>, Log) {
    let log = Log::default();
    let a = Child::<Probe>::start(node, "a", &probes(&Log::default())).await;
    let b = Child::<Probe>::start(node, "b", &probes(&log)).await;
    let other = a.cell.clone();
    let link = act(move |_, ctx| {
        ctx.link(&other);
        ctx.link(&other);
        if trap {
            ctx.trap_exit(|act, _, signal| {
                act.log.add(format!("exit {:?} {}", signal.from, signal.reason))
            });
        }
    });
    b.actor.ask(link).await.unwrap();
    (a, b, log)
}

/// OTP: link_behaviour:link_is_symmetric
#[test]
fn links_are_symmetric() {
    paused(async |node| {
        let (mut a, mut b, _) = linked(&node, false).await;
        a.actor.try_tell(crash()).unwrap();
        let reason = a.end().await.into_reason();
        assert_eq!(b.end().await.into_reason(), reason);

        let (mut a, mut b, _) = linked(&node, false).await;
        b.cell.kill();
        assert_eq!(b.end().await.into_reason(), ExitReason::Killed);
        assert_eq!(a.end().await.into_reason(), ExitReason::Killed);
    });
}

/// OTP: link_behaviour:link_is_single, link_behaviour:trapped_exit_is_a_message, link_behaviour:kill_arrives_as_killed
#[test]
fn a_link_is_single_and_trapped_as_a_message() {
    paused(async |node| {
        let (mut a, mut b, log) = linked(&node, true).await;
        a.cell.kill();
        a.end().await;
        settle().await;
        assert_eq!(log.all()[1..], ["exit Some(/test/a) killed".to_owned()], "{:?}", log.all());
        assert!(b.cell.is_alive());
        // It was spent with the end it told.
        a.launch().await;
        a.cell.kill();
        a.end().await;
        settle().await;
        assert_eq!(log.all().len(), 2);
        b.quiet();
    });
}

/// OTP: link_behaviour:normal_is_silent
#[test]
fn a_normal_end_passes_a_link_in_silence() {
    paused(async |node| {
        let (mut a, mut b, _) = linked(&node, false).await;
        a.actor.try_tell(act(|_, ctx| ctx.stop())).unwrap();
        assert_eq!(a.end().await.into_reason(), ExitReason::Normal);
        settle().await;
        assert!(b.cell.is_alive());
        b.quiet();
    });
}

/// OTP: link_behaviour:unlink, link_behaviour:link_to_the_dead
#[test]
fn unlink_and_links_to_the_dead() {
    paused(async |node| {
        let (mut a, mut b, _) = linked(&node, false).await;
        let other = a.cell.clone();
        b.actor.ask(act(move |_, ctx| ctx.unlink(&other))).await.unwrap();
        a.cell.kill();
        a.end().await;
        settle().await;
        assert!(b.cell.is_alive());
        let other = a.cell.clone();
        b.actor.ask(act(move |_, ctx| ctx.link(&other))).await.unwrap();
        assert_eq!(b.end().await.into_reason(), ExitReason::NoProc);
    });
}

/// OTP: link_behaviour:exit_signal_normal, link_behaviour:exit_signal_other
#[test]
fn signals_of_strangers() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        child.cell.exit(ExitReason::Normal);
        settle().await;
        assert!(child.cell.is_alive(), "normal is dropped");
        child.cell.exit(ExitReason::failed("go"));
        assert_eq!(child.end().await.into_reason(), ExitReason::failed("go"));
        assert_eq!(log.all(), ["started"], "without its hooks");

        child.launch().await;
        let trap = act(|_, ctx| {
            ctx.trap_exit(|act, _, signal| {
                act.log.add(format!("{:?} {}", signal.from, signal.reason))
            })
        });
        child.actor.ask(trap).await.unwrap();
        child.cell.exit(ExitReason::Normal);
        child.cell.exit(ExitReason::Shutdown);
        settle().await;
        assert_eq!(log.all()[2..], ["None normal".to_owned(), "None shutdown".to_owned()]);
        child.cell.exit(ExitReason::Killed);
        assert_eq!(child.end().await.into_reason(), ExitReason::Killed, "kill cannot be trapped");
    });
}

#[test]
fn a_kill_runs_no_hook() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        child.actor.try_tell(Say("never")).unwrap();
        child.cell.kill();
        let exit = child.end().await;
        assert_eq!(exit.reason(), &ExitReason::Killed);
        let facts = exit.facts().unwrap();
        assert_eq!((facts.mailbox_depth, facts.dropped), (Some(1), 1));
        assert_eq!(log.all(), ["started"]);
    });
}

#[test]
fn a_kill_before_the_first_turn_runs_nothing_at_all() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::new(&node, "a", &probes(&log));
        child.cell.launch(Placement::Pool);
        child.cell.kill();
        assert_eq!(child.failed().await, ExitReason::Killed);
        assert!(log.all().is_empty(), "{:?}", log.all());

        let plain_log = log.clone();
        let blueprint = Blueprint::actor(move || common::plain::Probe::new(&plain_log));
        let mut child = Child::<common::plain::Probe>::new(&node, "b", &blueprint);
        child.cell.launch(Placement::Pool);
        child.cell.kill();
        assert_eq!(child.failed().await, ExitReason::Killed);
        assert!(log.all().is_empty(), "{:?}", log.all());
    });
}

/// OTP: link_behaviour:parent_exit_runs_terminate
#[test]
fn a_stop_runs_the_hooks_and_ends_with_its_reason() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        child.cell.stop(ExitReason::shutdown_with("maintenance"));
        assert_eq!(child.end().await.into_reason(), ExitReason::shutdown_with("maintenance"));
        assert_eq!(log.all(), ["started", "stopping", "stopped"]);

        child.launch().await;
        child.actor.try_tell(act(|_, ctx| ctx.stop_with(ExitReason::Shutdown))).unwrap();
        assert_eq!(child.end().await.into_reason(), ExitReason::Shutdown);

        child.launch().await;
        child.actor.try_tell(act(|_, ctx| ctx.fail("broken"))).unwrap();
        assert_eq!(child.end().await.into_reason(), ExitReason::failed("broken"));
        assert_eq!(log.all().last().unwrap(), "started", "fail runs no hook");

        child.launch().await;
        let life = child.cell.incarnation();
        child.cell.parent_exit_of(life, ExitReason::Shutdown);
        assert_eq!(child.end().await.into_reason(), ExitReason::Shutdown);
        assert_eq!(log.all().last().unwrap(), "stopped");

        child.launch().await;
        child.cell.parent_exit_of(life, ExitReason::Shutdown);
        settle().await;
        assert_eq!(child.cell.incarnation(), life.next(), "it was meant for the life before");
    });
}

#[test]
fn a_stop_is_served_while_the_actor_waits() {
    paused(async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let ask = child.actor.ask(alone(|act| Box::pin(std::future::pending().into_actor(act))));
        let asked = tokio::task::spawn_local(ask);
        settle().await;
        child.cell.stop(ExitReason::Shutdown);
        assert_eq!(child.end().await.into_reason(), ExitReason::Shutdown);
        let error = asked.await.unwrap().unwrap_err();
        assert_eq!(error.exit_reason(), Some(&ExitReason::Shutdown));
    });
}

/// S2.4-10
#[test]
fn incarnations_are_numbered_and_references_last() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        for number in 1..4 {
            assert_eq!(child.cell.incarnation(), Incarnation(number));
            assert_eq!(child.actor.ask(Count).await.unwrap(), 1, "a fresh instance");
            child.cell.kill();
            child.end().await;
            assert_eq!(child.cell.incarnation(), Incarnation::NONE);
            assert!(!child.actor.is_alive());
            child.launch().await;
        }
        assert!(child.cell.typed::<common::plain::Probe>().is_none());
        assert_eq!(child.cell.typed::<Probe>().unwrap(), child.actor);
        assert_eq!(child.actor.any(), child.cell.any());
        assert_eq!(
            (child.cell.tier(), child.cell.status().incarnation),
            (Tier::Kernel, Incarnation(4))
        );
    });
}

#[test]
fn a_fence_ends_one_life_once() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        let monitor = child.cell.monitor();
        assert!(!child.cell.fence(Incarnation(2), ExitReason::Killed), "not that life");
        assert!(child.cell.fence(Incarnation(1), ExitReason::HeartbeatLost { missed: 3 }));
        assert!(!child.cell.fence(Incarnation(1), ExitReason::Killed), "once");
        assert_eq!(child.end().await.into_reason(), ExitReason::HeartbeatLost { missed: 3 });
        assert_eq!(soon(monitor).await.reason, ExitReason::HeartbeatLost { missed: 3 });
        assert_eq!(log.all(), ["started"], "its run loop drops it in silence");
    });
}

#[test]
fn a_fenced_run_loop_does_not_take_the_wake_ups_of_its_successor() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        child.cell.fence(Incarnation(1), ExitReason::HeartbeatLost { missed: 3 });
        // The successor is up before the first loop comes round to find itself fenced off.
        child.cell.launch(Placement::Pool);
        assert!(matches!(child.event().await, ChildEvent::Exited(_)));
        assert!(matches!(child.event().await, ChildEvent::Started(_)));
        for count in 1..4 {
            settle().await;
            assert_eq!(child.actor.ask(Count).within(PAUSED_LIMIT).await.unwrap(), count);
        }
        child.quiet();
        child.cell.stop(ExitReason::Shutdown);
        assert_eq!(child.end().await.into_reason(), ExitReason::Shutdown);
    });
}

#[test]
fn an_init_that_fails() {
    paused(async |node| {
        let log = Log::default();
        let blueprint = made(|| Probe::default().started(|_, ctx| ctx.fail("no disk")));
        let mut child = Child::<Probe>::new(&node, "a", &blueprint);
        let monitor_before = child.cell.clone();
        child.cell.launch(Placement::Pool);
        let monitor = monitor_before.monitor();
        assert_eq!(child.failed().await, ExitReason::failed("no disk"));
        assert_eq!(soon(monitor).await.reason, ExitReason::failed("no disk"));
        assert_eq!(child.cell.last_exit(), Some(ExitReason::failed("no disk")));
        assert_eq!(child.cell.lifecycle(), Lifecycle::Stopped);

        let blueprint = Blueprint::fallible::<Probe>(|_| {
            Err(StartError::Failed(ExitReason::failed("no config")))
        });
        let mut child = Child::<Probe>::new(&node, "b", &blueprint);
        child.cell.launch(Placement::Pool);
        assert_eq!(child.failed().await, ExitReason::failed("no config"));
        assert!(log.all().is_empty());
    });
}

#[test]
fn an_init_that_says_ignore() {
    paused(async |node| {
        let in_hook = made(|| Probe::default().started(|_, ctx| ctx.ignore()));
        let in_factory = Blueprint::fallible::<Probe>(|_| Err(StartError::Ignore));
        for (name, blueprint) in [("a", in_hook), ("b", in_factory)] {
            let mut child = Child::<Probe>::new(&node, name, &blueprint);
            child.cell.launch(Placement::Pool);
            assert!(matches!(child.event().await, ChildEvent::Ignored(_)));
            settle().await;
            child.quiet();
            assert!(!child.cell.is_alive());
        }
    });
}

#[test]
fn a_wait_in_started_delays_the_event() {
    paused(async |node| {
        let log = Log::default();
        let blueprint = made({
            let log = log.clone();
            move || {
                Probe::new(&log).started(|act, ctx| {
                    let sleep = tokio::time::sleep(Duration::from_secs(3)).into_actor(act);
                    ctx.wait(sleep.map(|(), act, _| act.log.add("ready")));
                })
            }
        });
        let mut child = Child::<Probe>::new(&node, "a", &blueprint);
        child.cell.launch(Placement::Pool);
        settle().await;
        child.quiet();
        assert_eq!(child.cell.lifecycle(), Lifecycle::Starting);
        child.actor.try_tell(Say("mail")).unwrap();
        tokio::time::sleep(Duration::from_millis(2_999)).await;
        child.quiet();
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(matches!(child.event().await, ChildEvent::Started(_)));
        settle().await;
        assert_eq!(log.all(), ["started", "ready", "mail"]);
        assert_eq!(child.cell.lifecycle(), Lifecycle::Running);
    });
}

#[test]
fn a_stop_during_a_waiting_init_is_no_start() {
    paused(async |node| {
        let blueprint = made(|| {
            Probe::default()
                .started(|act, ctx| ctx.wait(std::future::pending::<()>().into_actor(act)))
        });
        let mut child = Child::<Probe>::new(&node, "a", &blueprint);
        child.cell.launch(Placement::Pool);
        settle().await;
        child.cell.stop(ExitReason::Shutdown);
        assert_eq!(child.failed().await, ExitReason::Shutdown);
    });
}

#[test]
fn a_deferred_init_serves_messages_and_ends_when_it_says_so() {
    paused(async |node| {
        let blueprint = made(|| Probe::default().started(|_, ctx| ctx.defer_init()));
        let mut child = Child::<Probe>::new(&node, "a", &blueprint);
        child.cell.launch(Placement::Pool);
        assert_eq!(child.actor.ask(Count).await.unwrap(), 1);
        child.quiet();
        child.actor.ask(act(|_, ctx| ctx.init_done())).await.unwrap();
        assert!(matches!(child.event().await, ChildEvent::Started(_)));

        let mut child = Child::<Probe>::new(&node, "b", &blueprint);
        child.cell.launch(Placement::Pool);
        child.actor.try_tell(act(|_, ctx| ctx.fail("not after all"))).unwrap();
        assert_eq!(child.failed().await, ExitReason::failed("not after all"));
    });
}

#[test]
fn a_suspended_actor_serves_only_control() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        child
            .actor
            .ask(act(|_, ctx| {
                drop(ctx.run_later(Duration::from_secs(1), |act, _| act.log.add("timer")))
            }))
            .await
            .unwrap();
        child.cell.suspend();
        settle().await;
        assert_eq!(child.cell.lifecycle(), Lifecycle::Suspended);
        assert!(child.cell.status().marks.contains(&Mark::Suspended));
        child.actor.try_tell(Say("one")).unwrap();
        child.actor.try_tell(Say("two")).unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(log.all(), ["started"]);
        let status = child.cell.ask_status(PAUSED_LIMIT).await.unwrap();
        assert_eq!((status.mailbox.depth, status.lifecycle), (Some(2), Lifecycle::Suspended));
        child.cell.resume();
        settle().await;
        assert_eq!(log.all(), ["started", "one", "two", "timer"]);
        child.cell.suspend();
        child.cell.stop(ExitReason::Shutdown);
        assert_eq!(
            child.end().await.into_reason(),
            ExitReason::Shutdown,
            "a parent's exit still stops it"
        );
        assert_eq!(log.all().last().unwrap(), "stopped");
    });
}

#[test]
fn suspension_and_trace_marks_do_not_outlive_an_incarnation() {
    paused(async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let _lines = child.cell.trace(10, PAUSED_LIMIT);
        child.cell.suspend();
        settle().await;
        assert_eq!(child.cell.status().marks, [Mark::Suspended, Mark::Traced]);
        child.cell.kill();
        child.end().await;
        child.launch().await;
        assert!(child.cell.status().marks.is_empty());
        assert_eq!(child.actor.ask(Count).await.unwrap(), 1);
    });
}

#[test]
fn a_trace_ends_at_its_limits() {
    paused(async |node| {
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let mut lines = child.cell.trace(3, Duration::from_secs(60));
        for _ in 0..5 {
            child.actor.ask(Count).await.unwrap();
        }
        for _ in 0..3 {
            let line = soon(lines.recv()).await.expect("a line");
            assert!(line.message.ends_with("Count"), "{line:?}");
            assert!(line.took_us.is_some());
        }
        assert_eq!(soon(lines.recv()).await, None);
        assert!(child.cell.status().marks.is_empty());

        // By time, though not a message comes.
        let mut lines = child.cell.trace(100, Duration::from_secs(2));
        child.actor.ask(Count).await.unwrap();
        assert!(soon(lines.recv()).await.is_some());
        assert_eq!(soon(lines.recv()).await, None);
        settle().await;
        assert!(child.cell.status().marks.is_empty());

        // A reader that lags 256 lines behind loses it, the actor loses nothing.
        let mut lines = child.cell.trace(10_000, Duration::from_secs(60));
        for _ in 0..300 {
            child.actor.ask(Count).await.unwrap();
        }
        let mut got = 0;
        while soon(lines.recv()).await.is_some() {
            got += 1;
        }
        assert_eq!(got, 256);
    });
}

#[test]
fn a_status_counts_by_type() {
    paused(async |node| {
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        for _ in 0..3 {
            child.actor.ask(Count).await.unwrap();
        }
        child.actor.ask(Say("x")).await.unwrap();
        let status = child.cell.ask_status(PAUSED_LIMIT).await.unwrap();
        let counts: Vec<_> = status
            .types
            .iter()
            .map(|t| (t.message.rsplit("::").next().unwrap(), t.count))
            .collect();
        assert_eq!(counts, [("Count", 3), ("Say", 1)]);
        assert_eq!((status.handled, status.lifecycle), (4, Lifecycle::Running));
        assert_eq!(status.mailbox.depth, Some(0));
        assert!(status.handling.is_none());
    });
}

#[test]
fn a_status_says_what_is_being_handled_since_when() {
    paused(async |node| {
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let asked = tokio::task::spawn_local(child.actor.ask(alone(|act| {
            Box::pin(tokio::time::sleep(Duration::from_secs(3)).into_actor(act).map(|(), _, _| 1))
        })));
        settle().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let handling = child.cell.status().handling.expect("handles");
        assert!(handling.message.ends_with("Alone"), "{handling:?}");
        assert!((999_000..1_100_000).contains(&handling.for_us), "{handling:?}");
        assert_eq!(asked.await.unwrap().unwrap(), 1);
        assert!(child.cell.status().handling.is_none());
    });
}

/// OTP: gen_server_SUITE:get_state, gen_server_SUITE:call_format_status, gen_server_SUITE:replace_state, sys_SUITE:special_process
#[test]
fn a_state_view_is_asked_of_the_actor() {
    paused(async |node| {
        let view: fn(&Probe) -> StateValue =
            |probe| StateValue::map([("count", StateValue::from(probe.count))]);
        let blueprint = Blueprint::with_view(|_| Ok(Probe::default()), Tier::Agent, Some(view));
        let child = Child::<Probe>::start(&node, "a", &blueprint).await;
        child.actor.ask(Count).await.unwrap();
        assert_eq!(
            child.cell.state(PAUSED_LIMIT).await.unwrap().unwrap().to_string(),
            "{count: 1}"
        );
        assert_eq!(child.cell.tier(), Tier::Agent);
        let child = Child::<Probe>::start(&node, "b", &probes(&Log::default())).await;
        assert_eq!(child.cell.state(PAUSED_LIMIT).await.unwrap(), None);
    });
}

#[test]
fn debugging_the_dead_says_so_at_once() {
    paused(async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        // Asked while it is alive, ended before it is answered.
        child.cell.suspend();
        settle().await;
        let cell = child.cell.clone();
        let asked = tokio::task::spawn_local(async move { cell.ask_status(PAUSED_LIMIT).await });
        tokio::task::yield_now().await;
        child.cell.fence(Incarnation(1), ExitReason::Killed);
        child.end().await;
        drop(asked.await);
        let began = tokio::time::Instant::now();
        let error = child.cell.ask_status(PAUSED_LIMIT).await.unwrap_err();
        assert!(
            matches!(error, DebugError::NotRunning { reason: ExitReason::Killed, .. }),
            "{error:?}"
        );
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
}

#[test]
fn control_that_nobody_read_is_answered_when_the_actor_ends() {
    // Its thread is blocked when it is asked, and it is fenced off: the asker is not left waiting.
    threads(1, async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let (hold, gate) = std::sync::mpsc::channel::<()>();
        let (tell, blocked) = tokio::sync::oneshot::channel();
        let block = act(move |_, _| {
            tell.send(()).unwrap();
            drop(gate.recv());
        });
        child.actor.try_tell(block).unwrap();
        soon(blocked).await.unwrap();
        let cell = child.cell.clone();
        let asked =
            tokio::task::spawn_local(async move { cell.ask_status(PAUSED_LIMIT * 4).await });
        settle().await;
        child.cell.fence(Incarnation(1), ExitReason::HeartbeatLost { missed: 3 });
        let error = soon(asked).await.unwrap().unwrap_err();
        assert!(matches!(error, DebugError::NotRunning { .. }), "{error:?}");
        drop(hold);
        child.end().await;
    });
}

#[test]
fn injected_faults() {
    paused(async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        child.cell.inject(Fault::Panic);
        let exit = child.end().await;
        assert!(exit.facts().unwrap().injected);
        assert_eq!(exit.reason().panic().unwrap().during, "injected fault");

        child.launch().await;
        child.cell.inject(Fault::PanicAfterAwait);
        let exit = child.end().await;
        assert!(exit.facts().unwrap().injected);
        assert_eq!(exit.reason().panic().unwrap().message, "injected fault after an await");

        child.launch().await;
        child.cell.inject(Fault::Hang);
        let error = child.actor.ask(Count).within(Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(error.failure, AskFailure::TimedOut { .. }));
        child.cell.ask_status(PAUSED_LIMIT).await.expect("control is served");
        child.cell.kill();
        assert!(child.end().await.into_reason() == ExitReason::Killed);

        child.launch().await;
        child.cell.inject(Fault::Block(Duration::from_millis(5)));
        assert_eq!(child.actor.ask(Count).await.unwrap(), 1);
        child.actor.try_tell(crash()).unwrap();
        assert!(!child.facts().await.injected);
    });
}

#[test]
fn an_actor_outside_any_tree() {
    paused(async |node| {
        let log = Log::default();
        let actor = spawn(&node, "loose", Probe::new(&log)).unwrap();
        assert_eq!(actor.path().to_string(), "/local/loose");
        assert_eq!(actor.ask(Count).await.unwrap(), 1);
        let monitor = actor.any().monitor();
        actor.try_tell(crash()).unwrap();
        let reason = soon(monitor).await.reason;
        let Err(SendError { failure: SendFailure::Closed { reason: given, .. }, .. }) =
            actor.try_tell(Count)
        else {
            panic!("closed")
        };
        assert_eq!(given, reason, "nobody starts it again");
        let again = actor.ask(Count).await.unwrap_err();
        assert_eq!(again.exit_reason(), Some(&reason));
    });
}

#[test]
fn tier_two_is_stopped_killed_suspended_and_watched() {
    paused(async |node| {
        let log = Log::default();
        let blueprint = Blueprint::actor({
            let log = log.clone();
            move || common::plain::Probe::new(&log)
        });
        let mut child = Child::<common::plain::Probe>::start(&node, "a", &blueprint).await;
        assert_eq!(child.cell.tier(), Tier::Actix);
        assert_eq!(child.cell.status().mailbox.depth, None, "not knowable");
        child.cell.suspend();
        settle().await;
        child.actor.try_tell(common::plain::Say("held")).unwrap();
        settle().await;
        assert_eq!(log.all(), ["started"]);
        child.cell.resume();
        settle().await;
        assert_eq!(log.all(), ["started", "held"]);
        let monitor = child.cell.monitor();
        child.cell.stop(ExitReason::Shutdown);
        assert_eq!(child.end().await.into_reason(), ExitReason::Shutdown);
        assert_eq!(soon(monitor).await.reason, ExitReason::Shutdown);
        assert_eq!(log.all(), ["started", "held", "stopping", "stopped"]);
        child.launch().await;
        assert_eq!(child.actor.ask(common::plain::Count).await.unwrap(), 1);
        child.cell.kill();
        assert_eq!(child.end().await.into_reason(), ExitReason::Killed);
        assert_eq!(log.all().last().unwrap(), "started");
    });
}

#[test]
fn a_refusing_mailbox_between_two_lives() {
    paused(async |node| {
        let spec = MailboxSpec { while_down: WhileDown::Refuse, ..MailboxSpec::default() };
        let mut child =
            Child::<Probe>::start(&node, "a", &probes(&Log::default()).mailbox(spec)).await;
        child.cell.kill();
        child.end().await;
        let Err(SendError { failure: SendFailure::Closed { reason, .. }, .. }) =
            child.actor.try_tell(Count)
        else {
            panic!("closed")
        };
        assert_eq!(reason, ExitReason::Killed);
        child.launch().await;
        assert_eq!(child.actor.ask(Count).await.unwrap(), 1);
    });
}

#[test]
fn a_loose_tier_two_actor_ends_when_nobody_holds_it() {
    paused(async |node| {
        let log = Log::default();
        let actor = spawn(&node, "loose", common::plain::Probe::new(&log)).unwrap();
        let second = actor.clone();
        drop(actor);
        settle().await;
        assert_eq!(second.ask(common::plain::Count).await.unwrap(), 1);
        let monitor = second.any().monitor();
        drop(second);
        assert_eq!(soon(monitor).await.reason, ExitReason::Normal);
        assert_eq!(log.all(), ["started", "stopping", "stopped"]);
    });
}
