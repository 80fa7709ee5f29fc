//! Suspension, traces, status, state and injected faults: what a debugger does to an actor.
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
use common::{Child, Log, PAUSED_LIMIT, paused, probes, settle, soon, threads};
use ms_actor::{AskFailure, Blueprint, DebugError, Fault, StateValue};
use ms_core::view::{Lifecycle, Mark, Tier};
use ms_core::{ExitReason, Incarnation};

fn crash() -> common::ours::Do {
    act(|_, _| panic!("told to"))
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
