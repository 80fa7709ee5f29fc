//! Monitors and links: who is told of an end, and who ends with it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dropping_copy_types,
    clippy::type_complexity,
    reason = "drop says that an answer is not looked at"
)]

use crate::common;

use actix::prelude::*;
use common::ours::{Probe, act};
use common::{Child, Log, paused, probes, settle, soon};
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
