//! Asks: deadlines, the reason of an end, answers that never come, and deadlocks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dropping_copy_types,
    clippy::type_complexity,
    reason = "drop says that an answer is not looked at"
)]

use crate::common;

use std::time::Duration;

use actix::prelude::*;
use common::ours::{Beside, Count, Probe, act, alone, beside};
use common::{Child, Log, PAUSED_LIMIT, paused, probes, settle, soon, threads, until};
use ms_actor::{AskError, AskFailure, Blueprint, Hosted, Node, Placement, Ref, SendFailure};
use ms_core::{ErrorChain, ExitReason, Incarnation};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::Instant;

async fn start(node: &Node, name: &str) -> Child<Probe> {
    Child::start(node, name, &probes(&Log::default())).await
}

/// An ask that one task begins and another goes on with is woken there at its deadline.
#[test]
fn an_ask_that_changes_hands_ends_at_its_deadline() {
    paused(async |node| {
        let child = start(&node, "a").await;
        let mut asked = Box::pin(child.actor.ask(never()).within(Duration::from_secs(3)));
        let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(asked.as_mut().poll(&mut nobody).is_pending());
        let began = Instant::now();
        // An hour of virtual time, for one that is never woken.
        let ended = tokio::time::timeout(Duration::from_secs(3_600), asked).await;
        let error = ended.expect("it is woken").unwrap_err();
        assert!(matches!(error.failure, AskFailure::TimedOut { .. }), "{error:?}");
        assert_eq!(began.elapsed().as_secs(), 3);
    });
}

/// An answer after `time`.
fn answer_after(time: Duration) -> Beside {
    beside(move |act| Box::pin(tokio::time::sleep(time).into_actor(act).map(|(), _, _| 42)))
}

fn never() -> Beside {
    beside(|act| Box::pin(std::future::pending().into_actor(act)))
}

/// S2.4-09
#[test]
fn a_deadline_is_kept_to_the_millisecond() {
    paused(async |node| {
        let child = start(&node, "a").await;
        let began = Instant::now();
        let error = child.actor.ask(never()).within(Duration::from_secs(3)).await.unwrap_err();
        assert!(
            matches!(error.failure, AskFailure::TimedOut { within, .. } if within == Duration::from_secs(3)),
            "{error:?}"
        );
        assert!(
            began.elapsed() >= Duration::from_secs(3)
                && began.elapsed() < Duration::from_millis(3_002)
        );

        let began = Instant::now();
        assert!(child.actor.ask(never()).await.is_err());
        assert_eq!(began.elapsed().as_secs(), 5, "the default");

        assert_eq!(child.actor.ask(answer_after(Duration::from_secs(4))).await.unwrap(), 42);
        assert_eq!(child.actor.ask(Count).within(Duration::MAX).await.unwrap(), 1);
        let port = child.actor.port::<Count>();
        assert_eq!(port.ask(Count, PAUSED_LIMIT).await.unwrap(), 2);
        assert_eq!(port.depth(), Some(0));
    });
}

#[test]
fn the_deadline_includes_the_wait_for_room() {
    paused(async |node| {
        let spec = ms_actor::MailboxSpec::bounded(1);
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default()).mailbox(spec)).await;
        child.cell.suspend();
        settle().await;
        child.actor.try_tell(Count).unwrap();
        let began = Instant::now();
        let asked = spawn_local(child.actor.ask(never()).within(Duration::from_secs(4)));
        tokio::time::sleep(Duration::from_secs(3)).await;
        child.cell.resume();
        let error = asked.await.unwrap().unwrap_err();
        assert!(
            matches!(error.failure, AskFailure::TimedOut { .. }),
            "sent after three seconds: {error:?}"
        );
        assert_eq!(began.elapsed().as_secs(), 4);
    });
}

#[test]
fn a_handler_sees_the_deadline_of_its_asker() {
    paused(async |node| {
        let child = start(&node, "a").await;
        let log = Log::default();
        let written = log.clone();
        let note = act(move |_, ctx| {
            written.add(format!("{:?}", ctx.deadline().map(|at| at - Instant::now())))
        });
        child.actor.ask(note).within(Duration::from_secs(3)).await.unwrap();
        let written = log.clone();
        child
            .actor
            .try_tell(act(move |_, ctx| written.add(format!("{:?}", ctx.deadline()))))
            .unwrap();
        settle().await;
        assert_eq!(log.all(), ["Some(3s)", "None"]);
    });
}

/// OTP: gen_server_SUITE:call
#[test]
fn a_late_answer_is_dropped() {
    paused(async |node| {
        let child = start(&node, "a").await;
        let error =
            child.actor.ask(answer_after(PAUSED_LIMIT * 2)).within(PAUSED_LIMIT).await.unwrap_err();
        assert!(matches!(error.failure, AskFailure::TimedOut { .. }));
        tokio::time::sleep(PAUSED_LIMIT * 2).await;
        assert_eq!(child.actor.ask(Count).await.unwrap(), 1);
    });
}

/// Ends the actor in each way while one ask is at work and another waits in the mailbox.
async fn exits(node: &Node, placement: Placement) {
    let crash = |child: &Child<Probe>| child.actor.try_tell(act(|_, _| panic!("crash"))).unwrap();
    let fail =
        |child: &Child<Probe>| child.actor.try_tell(act(|_, ctx| ctx.fail("gave up"))).unwrap();
    let stop = |child: &Child<Probe>| child.cell.stop(ExitReason::Shutdown);
    let stop_itself =
        |child: &Child<Probe>| child.actor.try_tell(act(|_, ctx| ctx.stop())).unwrap();
    let kill = |child: &Child<Probe>| child.cell.kill();
    let fence = |child: &Child<Probe>| {
        assert!(
            child.cell.fence(child.cell.incarnation(), ExitReason::HeartbeatLost { missed: 3 })
        );
    };
    let ways: [(&str, &dyn Fn(&Child<Probe>)); 6] = [
        ("panicked", &crash),
        ("failed", &fail),
        ("shutdown", &stop),
        ("normal", &stop_itself),
        ("killed", &kill),
        ("heartbeat_lost", &fence),
    ];
    let mut child = Child::<Probe>::new(node, "a", &probes(&Log::default()));
    for (number, (label, end)) in (1..).zip(ways) {
        child.launch_on(placement).await;
        assert_eq!(child.cell.incarnation(), Incarnation(number));
        let at_work = spawn_local(child.actor.ask(never()).within(PAUSED_LIMIT));
        settle().await;
        child.actor.ask(Count).await.unwrap();
        // It waits, so what comes now stays in the mailbox until the end.
        let (enter, entered) = tokio::sync::oneshot::channel();
        let hold = alone(move |act| {
            drop(enter.send(()));
            Box::pin(
                tokio::time::sleep(Duration::from_millis(20)).into_actor(act).map(|(), _, _| 0),
            )
        });
        let held = spawn_local(child.actor.ask(hold).within(PAUSED_LIMIT));
        soon(entered).await.unwrap();
        end(&child);
        let queued = spawn_local(child.actor.ask(Count).within(PAUSED_LIMIT / 5));
        settle().await;
        let exit = child.end().await;
        assert_eq!(exit.reason().label(), label);
        let error = soon(at_work).await.unwrap().unwrap_err();
        let AskError { failure: AskFailure::Exited { reason, path }, .. } = &error else {
            panic!("{label}: {error:?}")
        };
        assert_eq!((reason, path), (exit.reason(), child.cell.path()), "at work");
        drop(held.await);
        match soon(queued).await.unwrap() {
            // It went in before the end ...
            Err(AskError { failure: AskFailure::Exited { reason, .. }, .. }) => {
                assert_eq!(&reason, exit.reason(), "queued")
            }
            // ... or after it, and was held for the next life, which did not come in time.
            Err(AskError { failure: AskFailure::TimedOut { .. }, .. }) => {}
            other => panic!("{label}: {other:?}"),
        }
    }
}

#[test]
fn an_end_is_reported_with_its_reason() {
    paused(async |node| exits(&node, Placement::Pool).await);
}

#[test]
fn an_end_is_reported_with_its_reason_across_arbiters() {
    // Real time, so the held asks must not wait long: the bound is in the test above.
    threads(1, async |node| {
        let mut child = Child::<Probe>::new(&node, "a", &probes(&Log::default()));
        for _ in 0..200 {
            child.launch().await;
            let asked = child.actor.ask(act(|_, _| panic!("crash"))).await.unwrap_err();
            let exit = child.end().await;
            assert_eq!(asked.exit_reason(), Some(exit.reason()));
            assert!(matches!(asked.failure, AskFailure::Exited { .. }), "{asked:?}");
            child.launch().await;
            let pending = spawn_local(child.actor.ask(never()));
            settle().await;
            child.actor.ask(Count).await.unwrap();
            child.cell.kill();
            let error = soon(pending).await.unwrap().unwrap_err();
            assert_eq!(error.exit_reason(), Some(&ExitReason::Killed));
            child.end().await;
        }
    });
}

/// An ask is answered by its own handler only, whatever became of the sender of its reply.
struct Dropper;
#[derive(Message)]
#[rtype(result = "Forgotten")]
struct Forget;
#[derive(Debug)]
struct Forgotten;
impl<A: Actor> actix::dev::MessageResponse<A, Forget> for Forgotten {
    fn handle(self, _: &mut A::Context, reply: Option<actix::dev::OneshotSender<Forgotten>>) {
        drop(reply);
    }
}
macro_rules! dropper {
    ($name:ident, $context:ty) => {
        impl Handler<Forget> for $name {
            type Result = Forgotten;
            fn handle(&mut self, _: Forget, _: &mut $context) -> Forgotten {
                Forgotten
            }
        }
        impl Actor for $name {
            type Context = $context;
        }
    };
}
dropper!(Dropper, ms_actor::Context<Self>);
struct PlainDropper;
dropper!(PlainDropper, actix::Context<Self>);

async fn no_reply<A: Hosted>(actor: &Ref<A>)
where
    A::Context: ms_actor::Accepts<A, Forget>,
{
    for _ in 0..300 {
        let error = actor.ask(Forget).within(PAUSED_LIMIT).await.unwrap_err();
        assert!(matches!(error.failure, AskFailure::NoReply { .. }), "{error:?}");
    }
}

/// All who ask within one turn learn at its end that they get no reply, and not the first alone.
#[test]
fn dropped_replies_of_one_turn_are_reported_to_all_who_asked() {
    struct Slow;
    /// Keeps the turn on until it is let go.
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Hold(std::sync::mpsc::Receiver<()>);
    dropper!(Slow, ms_actor::Context<Self>);
    impl Handler<Hold> for Slow {
        type Result = ();
        fn handle(&mut self, Hold(let_go): Hold, _: &mut ms_actor::Context<Self>) {
            let_go.recv_timeout(PAUSED_LIMIT).expect("let go");
        }
    }
    threads(1, async |node| {
        let child = Child::<Slow>::start(&node, "a", &Blueprint::actor(|| Slow)).await;
        let [(first, held), (last, held_too)] = [(); 2].map(|()| std::sync::mpsc::channel());
        child.actor.try_tell(Hold(held)).unwrap();
        until(|| child.cell.depth() == Some(0)).await;
        // At its deadline each would look once more: that is not what they are to wait for.
        let ask = || spawn_local(child.actor.ask(Forget).within(Duration::from_secs(86_400)));
        let asked = [ask(), ask(), ask()];
        until(|| child.cell.depth() == Some(3)).await;
        child.actor.try_tell(Hold(held_too)).unwrap();
        first.send(()).unwrap();
        until(|| child.cell.depth() == Some(0)).await;
        // Their replies are gone; the turn is still on.
        tokio::time::sleep(Duration::from_millis(50)).await;
        last.send(()).unwrap();
        for asked in asked {
            let outcome = tokio::time::timeout(Duration::from_secs(30), asked).await;
            let error = outcome.expect("it is answered").unwrap().unwrap_err();
            assert!(matches!(error.failure, AskFailure::NoReply { .. }), "{error:?}");
        }
    });
}

/// The way to an answer in the hands of a life that blocks its thread and was given up for it; and in
/// the mailbox, between two lives.
#[test]
fn an_answer_that_a_blocked_life_has_in_hand_is_not_waited_for() {
    #[derive(Default)]
    struct Keeper(Vec<oneshot::Sender<u8>>);
    impl Actor for Keeper {
        type Context = ms_actor::Context<Self>;
    }
    /// Is answered at once, or kept by an actor that then blocks until it is let go.
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Asked(oneshot::Sender<u8>, Option<Block>);
    /// Tells that it is on, and when to end.
    type Block = (std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<()>);
    impl Handler<Asked> for Keeper {
        type Result = ();
        fn handle(&mut self, Asked(reply, block): Asked, _: &mut Self::Context) {
            match block {
                None => reply.send(7).expect("somebody waits"),
                Some((blocks, let_go)) => {
                    self.0.push(reply);
                    blocks.send(()).expect("the test waits");
                    let_go.recv_timeout(PAUSED_LIMIT).expect("let go");
                }
            }
        }
    }
    threads(2, async |node| {
        let mut child =
            Child::<Keeper>::start(&node, "a", &Blueprint::actor(Keeper::default)).await;
        let (actor, cell) = (child.actor.clone(), child.cell.clone());
        let ask = |block| {
            let (reply, answer) = oneshot::channel();
            actor.try_tell(Asked(reply, block)).expect("accepted");
            let cell = cell.clone();
            spawn_local(async move { cell.answer_of(answer).await })
        };
        assert_eq!(soon(ask(None)).await.unwrap(), Some(7));
        let (let_go, held) = std::sync::mpsc::channel();
        let (begins, begun) = std::sync::mpsc::channel();
        let kept = ask(Some((begins, held)));
        // It watches the life that it asked.
        settle().await;
        until(|| begun.try_recv().is_ok()).await;
        assert!(cell.fence(Incarnation(1), ExitReason::HeartbeatLost { missed: 3 }));
        assert_eq!(soon(kept).await.unwrap(), None, "the thread is blocked still");
        child.end().await;
        let early = ask(None);
        settle().await;
        assert!(!early.is_finished(), "it waits for the next life");
        // Not on the thread that is blocked.
        child.launch_on(Placement::Dedicated).await;
        assert_eq!(soon(early).await.unwrap(), Some(7));
        let_go.send(()).expect("it is there yet");
    });
}

#[test]
fn a_dropped_reply_is_reported_at_once() {
    paused(async |node| {
        let began = Instant::now();
        no_reply(&Child::<Dropper>::start(&node, "a", &Blueprint::actor(|| Dropper)).await.actor)
            .await;
        no_reply(
            &Child::<PlainDropper>::start(&node, "b", &Blueprint::actor(|| PlainDropper))
                .await
                .actor,
        )
        .await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_dropped_reply_is_reported_across_arbiters() {
    threads(1, async |node| {
        no_reply(&Child::<Dropper>::start(&node, "a", &Blueprint::actor(|| Dropper)).await.actor)
            .await;
        no_reply(
            &Child::<PlainDropper>::start(&node, "b", &Blueprint::actor(|| PlainDropper))
                .await
                .actor,
        )
        .await;
    });
}

/// The reply is dropped while its actor is at work without end on other messages.
#[test]
fn a_dropped_reply_of_an_actor_that_is_never_idle() {
    struct Busy;
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Again;
    dropper!(Busy, ms_actor::Context<Self>);
    impl Handler<Again> for Busy {
        type Result = ();
        fn handle(&mut self, _: Again, ctx: &mut ms_actor::Context<Self>) {
            ctx.me().try_tell(Again).unwrap();
        }
    }
    threads(1, async |node| {
        let child = Child::<Busy>::start(&node, "a", &Blueprint::actor(|| Busy)).await;
        for _ in 0..500 {
            child.actor.try_tell(Again).unwrap();
        }
        no_reply(&child.actor).await;
    });
}

/// An ask of `to` that has the asking actor to itself; what comes of it is logged.
fn ask_alone(
    to: Ref<Probe>,
    log: &Log,
    message: impl FnOnce() -> common::ours::Alone + Send + 'static,
) -> common::ours::Alone {
    let log = log.clone();
    alone(move |act| {
        let asked = async move {
            match to.ask(message()).within(PAUSED_LIMIT).await {
                Ok(answer) => answer,
                Err(error) => {
                    let kind = match &error {
                        AskError { failure: AskFailure::Deadlock { cycle, .. }, .. } => {
                            let names: Vec<_> =
                                cycle.iter().map(|p| p.to_string().replace("/test/", "")).collect();
                            format!("deadlock {}", names.join(" "))
                        }
                        AskError { failure: AskFailure::TimedOut { .. }, .. } => {
                            "timed out".to_owned()
                        }
                        other => format!("{other:?}"),
                    };
                    log.add(kind);
                    0
                }
            }
        };
        Box::pin(asked.into_actor(act))
    })
}

/// Actors in a ring, each asks the next and waits for it, the last asks the first.
async fn ring(node: &Node, length: usize, placement: Placement) -> Log {
    let log = Log::default();
    let mut ring = Vec::new();
    for at in 0..length {
        let mut child = Child::<Probe>::new(node, &at.to_string(), &probes(&Log::default()));
        child.launch_on(placement).await;
        ring.push(child);
    }
    // The innermost message first: the last of the ring asks the first again.
    let mut message: Box<dyn FnOnce() -> common::ours::Alone + Send> =
        Box::new(|| alone(|act| Box::pin(async { 7 }.into_actor(act))));
    for at in (0..length).rev() {
        let to = ring[(at + 1) % length].actor.clone();
        let (inner, log) = (message, log.clone());
        message = Box::new(move || ask_alone(to, &log, inner));
    }
    assert_eq!(ring[0].actor.ask(message()).within(PAUSED_LIMIT * 2).await.unwrap(), 0);
    for child in &ring {
        assert!(child.cell.waiting_on().is_empty(), "the edges are gone");
        assert_eq!(child.actor.ask(Count).await.unwrap(), 1, "all of them go on");
    }
    log
}

#[test]
fn deadlocks_are_found_and_named() {
    paused(async |node| {
        let began = Instant::now();
        assert_eq!(ring(&node, 1, Placement::Pool).await.all(), ["deadlock 0 0"]);
        assert_eq!(ring(&node, 2, Placement::Pool).await.all(), ["deadlock 1 0 1"]);
        assert_eq!(ring(&node, 3, Placement::Pool).await.all(), ["deadlock 2 0 1 2"]);
        assert_eq!(
            ring(&node, 10, Placement::Pool).await.all(),
            ["deadlock 9 0 1 2 3 4 5 6 7 8 9"]
        );
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
}

#[test]
fn deadlocks_across_arbiters_are_found() {
    threads(3, async |node| {
        assert_eq!(ring(&node, 2, Placement::Pool).await.all(), ["deadlock 1 0 1"]);
        assert_eq!(
            ring(&node, 10, Placement::Pool).await.all(),
            ["deadlock 9 0 1 2 3 4 5 6 7 8 9"]
        );
    });
}

#[test]
fn two_that_ask_each_other_at_once_do_not_both_wait() {
    threads(2, async |node| {
        for _ in 0..50 {
            let (a, b) = (start(&node, "a").await, start(&node, "b").await);
            let log = Log::default();
            let idle = || alone(|act| Box::pin(async { 7 }.into_actor(act)));
            let first = spawn_local(
                a.actor.ask(ask_alone(b.actor.clone(), &log, idle)).within(PAUSED_LIMIT * 2),
            );
            let second = spawn_local(
                b.actor.ask(ask_alone(a.actor.clone(), &log, idle)).within(PAUSED_LIMIT * 2),
            );
            first.await.unwrap().unwrap();
            second.await.unwrap().unwrap();
            assert!(!log.has("timed out"), "{:?}", log.all());
            assert!(a.cell.waiting_on().is_empty() && b.cell.waiting_on().is_empty());
        }
    });
}

#[test]
fn an_ask_beside_other_work_is_no_deadlock() {
    paused(async |node| {
        // ctx.spawn and ResponseActFuture leave the actor free to answer, itself too.
        let child = start(&node, "a").await;
        let me = child.actor.clone();
        let ask_itself = beside(move |act| {
            Box::pin(async move { me.ask(Count).await.unwrap() }.into_actor(act))
        });
        assert_eq!(child.actor.ask(ask_itself).await.unwrap(), 1);
        // An await of one's own within the chain does not count either.
        let other = start(&node, "b").await;
        let back = child.actor.clone();
        let call_back = move || {
            alone(move |act| {
                Box::pin(async move { back.ask(Count).await.unwrap() }.into_actor(act))
            })
        };
        let to = other.actor.clone();
        let through = beside(move |act| {
            Box::pin(async move { to.ask(call_back()).await.unwrap() }.into_actor(act))
        });
        assert_eq!(child.actor.ask(through).await.unwrap(), 2);
    });
}

#[test]
fn a_diamond_is_no_deadlock() {
    paused(async |node| {
        let (a, b, c, d) = (
            start(&node, "a").await,
            start(&node, "b").await,
            start(&node, "c").await,
            start(&node, "d").await,
        );
        let log = Log::default();
        let leaf = || {
            alone(|act| {
                Box::pin(
                    tokio::time::sleep(Duration::from_secs(1)).into_actor(act).map(|(), _, _| 1),
                )
            })
        };
        let via = |to: &Child<Probe>| ask_alone(to.actor.clone(), &log, leaf);
        let (left, right) = (via(&d), via(&d));
        let (b_ref, c_ref) = (b.actor.clone(), c.actor.clone());
        let both = alone(move |act| {
            let asked = async move {
                let (x, y) = tokio::join!(b_ref.ask(left), c_ref.ask(right));
                x.unwrap() + y.unwrap()
            };
            Box::pin(asked.into_actor(act))
        });
        let asked = spawn_local(a.actor.ask(both));
        settle().await;
        assert_eq!(a.cell.waiting_on().len(), 2);
        assert_eq!(b.cell.waiting_on(), [d.cell.path().clone()]);
        assert_eq!(asked.await.unwrap().unwrap(), 2);
        assert!(log.all().is_empty());
        assert!(a.cell.waiting_on().is_empty());
    });
}

#[test]
fn an_edge_goes_with_its_timeout() {
    paused(async |node| {
        let (a, b) = (start(&node, "a").await, start(&node, "b").await);
        let log = Log::default();
        b.cell.suspend();
        settle().await;
        let idle = || alone(|act| Box::pin(async { 7 }.into_actor(act)));
        let asked = spawn_local(
            a.actor.ask(ask_alone(b.actor.clone(), &log, idle)).within(PAUSED_LIMIT * 2),
        );
        settle().await;
        assert_eq!(a.cell.waiting_on(), [b.cell.path().clone()]);
        assert_eq!(asked.await.unwrap().unwrap(), 0);
        assert_eq!(log.all(), ["timed out"]);
        assert!(a.cell.waiting_on().is_empty());
        b.cell.resume();
        // The other way round is free again.
        assert_eq!(b.actor.ask(ask_alone(a.actor.clone(), &log, idle)).await.unwrap(), 7);
    });
}

#[test]
fn an_edge_goes_with_its_actor() {
    paused(async |node| {
        let (mut a, b) = (start(&node, "a").await, start(&node, "b").await);
        let log = Log::default();
        b.cell.suspend();
        settle().await;
        let idle = || alone(|act| Box::pin(async { 7 }.into_actor(act)));
        drop(spawn_local(a.actor.ask(ask_alone(b.actor.clone(), &log, idle))));
        settle().await;
        a.cell.kill();
        a.end().await;
        assert!(a.cell.waiting_on().is_empty());
    });
}

#[test]
fn asking_the_dead() {
    paused(async |node| {
        let child = start(&node, "a").await;
        child.cell.kill();
        settle().await;
        child.cell.close(&ExitReason::Killed);
        let error = child.actor.ask(Count).await.unwrap_err();
        assert!(
            matches!(&error.failure, AskFailure::NotSent(SendFailure::Closed { .. })),
            "{error:?}"
        );
        assert_eq!(error.exit_reason(), Some(&ExitReason::Killed));
        assert!(error.into_message().is_some());
    });
}

/// Why nobody opened.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the shop did not open")]
struct NotOpened(#[source] AskFailure);

#[test]
fn the_failure_of_an_ask_is_the_source_of_another_error() {
    fn composes<E: std::error::Error + Send + Sync + Clone + 'static>(error: E) -> E {
        error
    }
    paused(async |node| {
        let child = start(&node, "a").await;
        child.cell.kill();
        settle().await;
        child.cell.close(&ExitReason::Killed);
        let error = child.actor.ask(Count).await.unwrap_err();
        // With the message in it, it passes for the failure: no source, the same text.
        let text = error.to_string();
        assert_eq!(ErrorChain::from_error(&error).lines(), std::slice::from_ref(&text));
        assert!(text.starts_with("/test/a does not accept messages: killed"), "{text}");

        let not_opened = composes(NotOpened(error.into_failure()));
        let chain = ErrorChain::from_error(&not_opened);
        assert_eq!(chain.lines(), ["the shop did not open".to_owned(), text], "each once");
        let boxed: Box<dyn std::error::Error + Send + Sync> = not_opened.clone().into();
        assert_eq!(boxed.downcast_ref(), Some(&not_opened));

        let refused = child.actor.try_tell(Count).unwrap_err();
        let failure = composes(SendFailure::from(refused));
        assert_eq!(AskFailure::from(failure), not_opened.0);
    });
}
