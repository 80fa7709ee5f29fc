//! Who waits for whom: what is a circle of waiting actors, and what is one no more.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "a thread that stands still is what is tested")]

use crate::common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use common::ours::{Alone, Count, Probe, act, alone, beside};
use common::{Child, Log, PAUSED_LIMIT, made, paused, probes, settle, soon, threads, until};
use ms_actor::{AskError, AskFailure, Node, Placement, Ref};
use ms_core::ExitReason;
use ms_core::view::Lifecycle;
use tokio::task::spawn_local;

async fn start(node: &Node, name: &str, placement: Placement) -> Child<Probe> {
    let mut child = Child::new(node, name, &probes(&Log::default()));
    child.launch_on(placement).await;
    child
}

/// Asks `to` and has the asking actor to itself meanwhile; what goes wrong is logged.
fn asks(to: &Ref<Probe>, log: &Log) -> Alone {
    let (to, log) = (to.clone(), log.clone());
    alone(move |act| {
        let asked = async move {
            match to.ask(Count).within(PAUSED_LIMIT).await {
                Ok(_) => 1,
                Err(error) => {
                    log.add(error.to_string());
                    0
                }
            }
        };
        Box::pin(asked.into_actor(act))
    })
}

/// `b` answers `a` and turns to its next message, for which it asks `a`.
async fn answers_and_asks_back(a: &Child<Probe>, b: &Child<Probe>, log: &Log) {
    // Held until both questions wait for it, so that their order is certain.
    b.cell.suspend();
    until(|| b.cell.lifecycle() == Lifecycle::Suspended).await;
    let first = spawn_local(a.actor.ask(asks(&b.actor, log)));
    until(|| b.cell.depth() == Some(1)).await;
    let second = spawn_local(b.actor.ask(asks(&a.actor, log)));
    until(|| b.cell.depth() == Some(2)).await;
    assert_eq!(a.cell.waiting_on(), [b.cell.path().clone()]);
    b.cell.resume();
    assert_eq!(soon(first).await.unwrap().unwrap(), 1, "{:?}", log.all());
    assert_eq!(soon(second).await.unwrap().unwrap(), 1, "{:?}", log.all());
}

#[test]
fn k18_who_has_answered_may_ask_back_at_once() {
    paused(async |node| {
        let (a, b) =
            (start(&node, "a", Placement::Pool).await, start(&node, "b", Placement::Pool).await);
        answers_and_asks_back(&a, &b, &Log::default()).await;
    });
    threads(2, async |node| {
        let (a, b) =
            (start(&node, "a", Placement::Pool).await, start(&node, "b", Placement::Pool).await);
        for _ in 0..100 {
            answers_and_asks_back(&a, &b, &Log::default()).await;
        }
    });
}

/// The asker has not been polled since: its thread is busy with something else.
#[test]
fn k18_an_ask_whose_time_is_over_is_no_part_of_a_circle() {
    threads(1, async |node| {
        let a = start(&node, "a", Placement::Dedicated).await;
        let b = start(&node, "b", Placement::Control).await;
        let (log, asked, release) = (Log::default(), Arc::default(), Arc::default());
        let (to, has_asked, held) =
            (b.actor.clone(), Arc::<AtomicBool>::clone(&asked), Arc::<AtomicBool>::clone(&release));
        // `a` asks `b`, which takes its time; then its thread stands still past the deadline.
        let question = alone(move |act| {
            let never = beside(|act| Box::pin(std::future::pending().into_actor(act)));
            let ask = async move { to.ask(never).within(Duration::from_millis(20)).await };
            let stand_still = async move {
                has_asked.store(true, Ordering::SeqCst);
                while !held.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            };
            let both = async move {
                let (asked, ()) = tokio::join!(ask, stand_still);
                u64::from(matches!(
                    asked,
                    Err(AskError { failure: AskFailure::TimedOut { .. }, .. })
                ))
            };
            Box::pin(both.into_actor(act))
        });
        let first = spawn_local(a.actor.ask(question));
        until(|| asked.load(Ordering::SeqCst)).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
        let second = spawn_local(b.actor.ask(asks(&a.actor, &log)));
        until(|| a.cell.depth() == Some(1) || log.all().len() == 1).await;
        release.store(true, Ordering::SeqCst);
        assert_eq!(soon(second).await.unwrap().unwrap(), 1, "{:?}", log.all());
        assert_eq!(soon(first).await.unwrap().unwrap(), 1, "its time was over");
    });
}

/// `b` crashes over a's question. Its next life asks `a` before anything else.
#[test]
fn k18_a_new_life_may_ask_whoever_saw_the_one_before_crash() {
    let back = |placement: Placement, rounds: usize| {
        async move |node: Node| {
            let a = start(&node, "a", placement).await;
            let (friend, log) = (a.actor.clone(), Log::default());
            let reports = log.clone();
            let blueprint = made(move || {
                let (friend, reports) = (friend.clone(), reports.clone());
                Probe::new(&Log::default()).started(move |probe, ctx| {
                    let asked = async move {
                        if let Err(error) = friend.ask(Count).within(PAUSED_LIMIT).await {
                            reports.add(error.to_string());
                        }
                    };
                    ctx.wait(asked.into_actor(probe));
                })
            });
            let mut b = Child::<Probe>::new(&node, "b", &blueprint);
            b.launch_on(placement).await;
            for _ in 0..rounds {
                let to = b.actor.clone();
                let crash = alone(move |act| {
                    let boom = common::ours::act(|_, _| panic!("on purpose"));
                    let asked = async move { u64::from(to.ask(boom).await.is_err()) };
                    Box::pin(asked.into_actor(act))
                });
                let asked = spawn_local(a.actor.ask(crash));
                b.event().await;
                b.launch_on(placement).await;
                assert_eq!(soon(asked).await.unwrap().unwrap(), 1);
            }
            assert_eq!(log.all(), Vec::<String>::new());
        }
    };
    paused(back(Placement::Pool, 20));
    threads(2, back(Placement::Pool, 50));
}

/// A life that is ended from outside may hold a question on its thread for as long as that
/// stands still: it will not answer it.
#[test]
fn k18_what_a_fenced_life_was_asked_is_no_part_of_a_circle() {
    paused(async |node| {
        let (a, mut b) =
            (start(&node, "a", Placement::Pool).await, start(&node, "b", Placement::Pool).await);
        let (kept, log) = (Arc::new(Mutex::new(None)), Log::default());
        let (to, keep) = (b.actor.clone(), Arc::clone(&kept));
        let question = alone(move |act| {
            let never = beside(move |act| {
                // What the ended life leaves undropped, as a blocked thread does.
                let (hold, held) = tokio::sync::oneshot::channel::<()>();
                *keep.lock().unwrap() = Some(hold);
                Box::pin(async move { u64::from(held.await.is_ok()) }.into_actor(act))
            });
            Box::pin(async move { to.ask(never).await.unwrap_or(0) }.into_actor(act))
        });
        drop(spawn_local(a.actor.ask(question)));
        settle().await;
        assert_eq!(a.cell.waiting_on(), [b.cell.path().clone()]);
        assert!(b.cell.fence(b.cell.incarnation(), ExitReason::HeartbeatLost { missed: 3 }));
        assert_eq!(a.cell.waiting_on(), [], "before anything else has run");
        b.end().await;
        b.launch().await;
        assert_eq!(b.actor.ask(asks(&a.actor, &log)).await.unwrap(), 1, "{:?}", log.all());
    });
}

/// An actor that has begun to ask, keeps the ask for later and serves others again.
#[test]
fn k18_an_ask_that_is_kept_for_later_is_no_part_of_a_circle() {
    paused(async |node| {
        let (a, b) =
            (start(&node, "a", Placement::Pool).await, start(&node, "b", Placement::Pool).await);
        let (to, kept) = (b.actor.clone(), Arc::new(Mutex::new(None)));
        let keep = Arc::clone(&kept);
        let begins = alone(move |act| {
            let begun = async move {
                let never = beside(|act| Box::pin(std::future::pending().into_actor(act)));
                let mut ask = Box::pin(to.ask(never));
                let first =
                    std::future::poll_fn(|task| std::task::Poll::Ready(ask.as_mut().poll(task)));
                assert!(first.await.is_pending());
                *keep.lock().unwrap() = Some(ask);
                1
            };
            Box::pin(begun.into_actor(act))
        });
        assert_eq!(a.actor.ask(begins).await.unwrap(), 1);
        assert_eq!(a.cell.waiting_on(), []);
        let log = Log::default();
        assert_eq!(b.actor.ask(asks(&a.actor, &log)).await.unwrap(), 1, "{:?}", log.all());
        drop(kept.lock().unwrap().take());
    });
}

/// A question that waits for room at a mailbox that closes will not be taken any more.
#[test]
fn k18_a_question_that_a_draining_actor_will_not_take_is_no_part_of_a_circle() {
    paused(async |node| {
        let a = start(&node, "a", Placement::Pool).await;
        let spec =
            ms_actor::MailboxSpec { drain_on_stop: true, ..ms_actor::MailboxSpec::bounded(1) };
        let b = Child::<Probe>::start(&node, "b", &probes(&Log::default()).mailbox(spec)).await;
        let log = Log::default();
        b.cell.suspend();
        settle().await;
        let last = spawn_local(b.actor.ask(asks(&a.actor, &log)));
        settle().await;
        let refused = Log::default();
        drop(spawn_local(a.actor.ask(asks(&b.actor, &refused))));
        settle().await;
        assert_eq!(a.cell.waiting_on(), [b.cell.path().clone()]);
        b.cell.stop(ExitReason::Shutdown);
        assert_eq!(soon(last).await.unwrap().unwrap(), 1, "{:?}", log.all());
        settle().await;
        assert_eq!(refused.all().len(), 1, "told that it is not taken");
    });
}

#[test]
fn k5_a_circle_through_a_full_mailbox_is_found_at_once() {
    paused(async |node| {
        let a = start(&node, "a", Placement::Pool).await;
        let spec = ms_actor::MailboxSpec::bounded(1);
        let b = Child::<Probe>::start(&node, "b", &probes(&Log::default()).mailbox(spec)).await;
        let (log, began) = (Log::default(), tokio::time::Instant::now());
        b.cell.suspend();
        settle().await;
        let first = spawn_local(b.actor.ask(asks(&a.actor, &log)));
        settle().await;
        let second = spawn_local(a.actor.ask(asks(&b.actor, &log)));
        settle().await;
        b.cell.resume();
        let both = soon(first).await.unwrap().unwrap() + soon(second).await.unwrap().unwrap();
        assert_eq!((both, log.all().len()), (1, 1), "one of two was told: {:?}", log.all());
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
}

/// Hundreds of tasks' worth of work in one poll: what is left of it is put off, and the wake-up
/// for that is no answer.
#[test]
fn k5_a_circle_is_found_where_the_asker_has_used_up_its_budget() {
    paused(async |node| {
        let (a, b) =
            (start(&node, "a", Placement::Pool).await, start(&node, "b", Placement::Pool).await);
        let (to, log) = (b.actor.clone(), Log::default());
        let many = alone(move |act| {
            let asked = async move {
                let never = || beside(|act| Box::pin(std::future::pending().into_actor(act)));
                let asks = (0..400).map(|_| to.ask(never()).within(PAUSED_LIMIT));
                let answers = futures_util::future::join_all(asks).await;
                answers.iter().filter(|answer| answer.is_ok()).count() as u64
            };
            Box::pin(asked.into_actor(act))
        });
        let first = spawn_local(a.actor.ask(many).within(PAUSED_LIMIT * 2));
        settle().await;
        assert_eq!(a.cell.waiting_on().len(), 400);
        let began = tokio::time::Instant::now();
        assert_eq!(b.actor.ask(asks(&a.actor, &log)).await.unwrap(), 0);
        assert!(log.all()[0].contains("deadlock"), "{:?}", log.all());
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(first.await.unwrap().unwrap(), 0, "none is answered");
        assert!(a.actor.ask(act(|_, _| ())).await.is_ok());
    });
}
