//! Ends: signals, stops, kills, inits, incarnations and fences.
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
use common::{Child, Log, PAUSED_LIMIT, made, paused, probes, settle, soon};
use ms_actor::host::ChildEvent;
use ms_actor::{
    Blueprint, MailboxSpec, Placement, SendError, SendFailure, StartError, WhileDown, spawn,
};
use ms_core::view::{Lifecycle, Tier};
use ms_core::{ExitReason, Incarnation};

fn crash() -> common::ours::Do {
    act(|_, _| panic!("told to"))
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
