//! The mailbox: exact bounds under each policy, no lost wake-up, order, fairness,
//! and control before all of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dropping_copy_types,
    clippy::type_complexity,
    reason = "drop says that an answer is not looked at"
)]
#![allow(clippy::disallowed_methods, reason = "a handler that takes its time")]

use crate::common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::*;
use common::ours::{Count, Probe, Say, act};
use common::{Child, Log, PAUSED_LIMIT, made, paused, probes, settle, soon, threads, until};
use ms_actor::host::ChildEvent;
use ms_actor::{
    AskError, AskFailure, Blueprint, MailboxSpec, Node, Overflow, Placement, Ref, SendError,
    SendFailure, WhileDown,
};
use ms_core::ExitReason;
use tokio::task::spawn_local;

/// A started actor that handles nothing, so that its mailbox fills.
async fn held(node: &Node, spec: MailboxSpec) -> (Child<Probe>, Log) {
    let log = Log::default();
    let child = Child::<Probe>::start(node, "a", &probes(&log).mailbox(spec)).await;
    child.cell.suspend();
    settle().await;
    (child, log)
}

fn depth(child: &Child<Probe>) -> u64 {
    child.cell.status().mailbox.depth.unwrap()
}

fn overflowed(child: &Child<Probe>) -> u64 {
    child.cell.status().mailbox.overflowed
}

/// Does something after every task that is ready has had one turn. (The test itself
/// is polled by the arbiter only after many.)
async fn one_turn_later<T: 'static>(what: impl FnOnce() -> T + 'static) -> T {
    spawn_local(async { what() }).await.unwrap()
}

const WORDS: [&str; 6] = ["0", "1", "2", "3", "4", "5"];

/// S2.4-08, S7.1-19
#[test]
fn the_bound_is_exact_whatever_the_policy_and_the_way_in() {
    paused(async |node| {
        for capacity in [1_usize, 2, 3] {
            for overflow in
                [Overflow::Block, Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest]
            {
                let (child, _) =
                    held(&node, MailboxSpec::bounded(capacity).overflow(overflow)).await;
                for (at, word) in WORDS.into_iter().enumerate() {
                    // The three ways in, in turns.
                    let refused = match at % 3 {
                        0 => child.actor.try_tell(Say(word)).is_err(),
                        1 => child
                            .actor
                            .tell(Say(word))
                            .within(Duration::from_millis(1))
                            .await
                            .is_err(),
                        _ => {
                            let asked =
                                child.actor.ask(Say(word)).within(Duration::from_millis(1)).await;
                            matches!(asked, Err(AskError { failure: AskFailure::NotSent(_), .. }))
                        }
                    };
                    let full = at >= capacity;
                    let refuses = matches!(overflow, Overflow::Block | Overflow::Reject);
                    assert_eq!(refused, full && refuses, "{overflow:?} {capacity} {at}");
                    assert_eq!(
                        depth(&child),
                        capacity.min(at + 1) as u64,
                        "{overflow:?} {capacity} {at}"
                    );
                }
                let over =
                    if overflow == Overflow::Block { 0 } else { (WORDS.len() - capacity) as u64 };
                assert_eq!(overflowed(&child), over, "{overflow:?} {capacity}");
            }
        }
    });
}

#[test]
fn an_unbounded_mailbox_has_no_bound() {
    paused(async |node| {
        let (child, _) = held(&node, MailboxSpec::unbounded()).await;
        (0..10_000).for_each(|_| child.actor.try_tell(Say("x")).unwrap());
        assert_eq!(depth(&child), 10_000);
        assert_eq!(child.cell.status().mailbox.capacity, None);
    });
}

#[test]
fn a_refused_message_comes_back() {
    paused(async |node| {
        let (child, _) = held(&node, MailboxSpec::bounded(1)).await;
        child.actor.try_tell(Say("in")).unwrap();
        let error = child.actor.try_tell(Say("a")).unwrap_err();
        assert!(matches!(error.failure, SendFailure::Full { capacity: 1, .. }), "{error:?}");
        assert_eq!(error.into_message().0, "a");
        let limit = Duration::from_secs(2);
        let error = child.actor.tell(Say("b")).within(limit).await.unwrap_err();
        assert!(
            matches!(error.failure, SendFailure::TimedOut { within, .. } if within == limit),
            "{error:?}"
        );
        assert_eq!(error.into_message().0, "b");
        let error = child.actor.ask(Say("c")).within(limit).await.unwrap_err();
        assert!(
            matches!(error.failure, AskFailure::NotSent(SendFailure::TimedOut { .. })),
            "{error:?}"
        );
        assert_eq!(error.into_message().unwrap().0, "c");
        child.cell.close(&ExitReason::Shutdown);
        let error = child.actor.try_tell(Say("d")).unwrap_err();
        assert!(
            matches!(&error.failure, SendFailure::Closed { reason: ExitReason::Shutdown, .. }),
            "{error:?}"
        );
        assert_eq!(error.into_message().0, "d");
    });
}

#[test]
fn what_is_dropped_goes_to_the_dead_letters() {
    paused(async |node| {
        for (overflow, kept) in
            [(Overflow::DropNewest, ["0", "1"]), (Overflow::DropOldest, ["4", "5"])]
        {
            let before = node.dead_letters().count();
            let mut live = node.dead_letters().subscribe();
            let (child, log) = held(&node, MailboxSpec::bounded(2).overflow(overflow)).await;
            for word in WORDS {
                child.actor.try_tell(Say(word)).unwrap();
            }
            child.cell.resume();
            settle().await;
            assert_eq!(log.all()[1..], kept, "{overflow:?}");
            assert_eq!(node.dead_letters().count() - before, 4);
            let dead = live.try_recv().unwrap();
            assert_eq!((dead.path.to_string().as_str(), dead.why), ("/test/a", "mailbox full"));
            assert!(dead.message.ends_with("Say"));
            assert_eq!(node.dead_letters().recent().last(), Some(&dead));
        }
    });
}

#[test]
fn a_dropped_ask_is_answered_with_no_reply() {
    paused(async |node| {
        for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
            let (child, _) = held(&node, MailboxSpec::bounded(1).overflow(overflow)).await;
            let first = spawn_local(child.actor.ask(Count));
            settle().await;
            let second = spawn_local(child.actor.ask(Count));
            settle().await;
            child.cell.resume();
            let (lost, kept) =
                if overflow == Overflow::DropOldest { (first, second) } else { (second, first) };
            assert!(matches!(
                lost.await.unwrap(),
                Err(AskError { failure: AskFailure::NoReply { .. }, .. })
            ));
            assert_eq!(kept.await.unwrap().unwrap(), 1);
        }
    });
}

#[test]
fn senders_that_wait_are_let_in_in_time() {
    paused(async |node| {
        let (child, log) = held(&node, MailboxSpec::bounded(1)).await;
        let began = tokio::time::Instant::now();
        let senders: Vec<_> = (0..100)
            .map(|_| spawn_local(child.actor.tell(Say("in")).within(PAUSED_LIMIT)))
            .collect();
        settle().await;
        assert_eq!(depth(&child), 1);
        child.cell.resume();
        for sender in senders {
            sender.await.unwrap().unwrap();
        }
        settle().await;
        assert_eq!(log.count("in"), 100);
        assert_eq!(began.elapsed(), Duration::ZERO, "woken, not timed out");
    });
}

#[test]
fn senders_that_give_up_take_no_wake_up_with_them() {
    paused(async |node| {
        let (child, log) = held(&node, MailboxSpec::bounded(1)).await;
        child.actor.try_tell(Say("in")).unwrap();
        let given_up: Vec<_> =
            (0..50).map(|_| spawn_local(child.actor.tell(Say("never")))).collect();
        settle().await;
        let waits = spawn_local(child.actor.tell(Say("waited")));
        let asks = spawn_local(child.actor.ask(Count));
        settle().await;
        given_up.iter().for_each(tokio::task::JoinHandle::abort);
        settle().await;
        let began = tokio::time::Instant::now();
        child.cell.resume();
        waits.await.unwrap().unwrap();
        assert_eq!(asks.await.unwrap().unwrap(), 1);
        assert_eq!(began.elapsed(), Duration::ZERO);
        settle().await;
        assert_eq!((log.count("never"), log.count("waited")), (0, 1));
    });
}

/// Many threads at a mailbox of one: nothing is lost, nothing hangs, order is kept.
#[test]
fn no_wake_up_is_lost_across_threads() {
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Numbered {
        sender: usize,
        number: u64,
    }
    struct Counts {
        next: [u64; 4],
        total: Arc<AtomicU64>,
    }
    impl Actor for Counts {
        type Context = ms_actor::Context<Self>;
    }
    impl Handler<Numbered> for Counts {
        type Result = ();
        fn handle(&mut self, message: Numbered, _: &mut Self::Context) {
            assert_eq!(
                message.number, self.next[message.sender],
                "first in, first out for each sender"
            );
            self.next[message.sender] += 1;
            self.total.fetch_add(1, Ordering::SeqCst);
        }
    }
    const EACH: u64 = 2_000;
    // Each message may cost a turn of every thread of a busy machine.
    const REAL_LIMIT: Duration = Duration::from_secs(120);
    threads(1, async |node| {
        for capacity in [1, 7] {
            let total = Arc::new(AtomicU64::new(0));
            let blueprint = Blueprint::actor({
                let total = Arc::clone(&total);
                move || Counts { next: [0; 4], total: Arc::clone(&total) }
            });
            let child = Child::<Counts>::start(
                &node,
                "a",
                &blueprint.mailbox(MailboxSpec::bounded(capacity)),
            )
            .await;
            let senders: Vec<_> = (0..4)
                .map(|sender| {
                    let actor = child.actor.clone();
                    std::thread::spawn(move || {
                        let runtime = tokio::runtime::Builder::new_current_thread()
                            .enable_time()
                            .build()
                            .unwrap();
                        runtime.block_on(async {
                            for number in 0..EACH {
                                if number % 10 == 3 {
                                    actor
                                        .ask(Numbered { sender, number })
                                        .within(REAL_LIMIT)
                                        .await
                                        .unwrap();
                                } else {
                                    actor
                                        .tell(Numbered { sender, number })
                                        .within(REAL_LIMIT)
                                        .await
                                        .unwrap();
                                }
                            }
                        });
                    })
                })
                .collect();
            let joined =
                tokio::task::spawn_blocking(|| senders.into_iter().for_each(|s| s.join().unwrap()));
            tokio::time::timeout(REAL_LIMIT, joined).await.expect("no sender hangs").unwrap();
            common::until(|| total.load(Ordering::SeqCst) == 4 * EACH).await;
        }
    });
}

#[test]
fn a_waiting_sender_has_the_room_a_crash_left() {
    paused(async |node| {
        let (mut child, log) = held(&node, MailboxSpec::bounded(2)).await;
        child.actor.try_tell(Say("lost")).unwrap();
        child.actor.try_tell(Say("lost")).unwrap();
        let waits = spawn_local(child.actor.tell(Say("held")).within(Duration::from_secs(60)));
        settle().await;
        child.cell.kill();
        let facts = child.facts().await;
        assert_eq!((facts.mailbox_depth, facts.dropped), (Some(2), 2));
        // The actor is down for a while, but its mailbox holds.
        soon(waits).await.unwrap().unwrap();
        assert_eq!(depth(&child), 1);
        child.launch().await;
        settle().await;
        assert_eq!(log.all(), ["started", "started", "held"]);
    });
}

#[test]
fn hold_and_refuse_while_down() {
    paused(async |node| {
        for (while_down, held_back) in [(WhileDown::Hold, true), (WhileDown::Refuse, false)] {
            let log = Log::default();
            let spec = MailboxSpec { while_down, ..MailboxSpec::bounded(2) };
            let mut child = Child::<Probe>::start(&node, "a", &probes(&log).mailbox(spec)).await;
            child.cell.kill();
            child.end().await;
            let sent = child.actor.try_tell(Say("while down"));
            assert_eq!(sent.is_ok(), held_back);
            if held_back {
                assert_eq!(depth(&child), 1);
                child.actor.try_tell(Say("more")).unwrap();
                assert!(
                    matches!(
                        child.actor.try_tell(Say("over")),
                        Err(SendError { failure: SendFailure::Full { .. }, .. })
                    ),
                    "within the bound"
                );
            } else {
                let asked = child.actor.ask(Count).await.unwrap_err();
                assert_eq!(asked.exit_reason(), Some(&ExitReason::Killed));
            }
            child.launch().await;
            settle().await;
            assert_eq!(log.has("while down"), held_back);
            child.actor.ask(Count).await.expect("up again");
        }
    });
}

#[test]
fn keep_on_restart_keeps_what_waits_and_only_that() {
    paused(async |node| {
        for keep_on_restart in [true, false] {
            let log = Log::default();
            let spec = MailboxSpec { keep_on_restart, ..MailboxSpec::default() };
            let mut child = Child::<Probe>::start(&node, "a", &probes(&log).mailbox(spec)).await;
            let before = node.dead_letters().count();
            child.actor.try_tell(act(|_, _| panic!("poison"))).unwrap();
            child.actor.try_tell(Say("one")).unwrap();
            let asked = spawn_local(child.actor.ask(Count));
            settle().await;
            let facts = child.facts().await;
            assert_eq!(
                facts.mailbox_depth,
                Some(1 + u64::from(log.all().len() > 9)),
                "one waits, and the ask came later"
            );
            assert_eq!(facts.dropped, u64::from(!keep_on_restart));
            assert_eq!(node.dead_letters().count() - before, u64::from(!keep_on_restart));
            child.launch().await;
            settle().await;
            assert_eq!(log.has("one"), keep_on_restart);
            assert_eq!(asked.await.unwrap().unwrap(), 1, "held while it was down");
            child.quiet();
        }
    });
}

#[test]
fn drain_on_stop_handles_what_waits_and_refuses_more() {
    paused(async |node| {
        let spec = MailboxSpec { drain_on_stop: true, ..MailboxSpec::default() };
        let (mut child, log) = held(&node, spec).await;
        // More than one turn's worth.
        (0..600).for_each(|_| child.actor.try_tell(Say("waited")).unwrap());
        let monitor = child.cell.monitor();
        child.cell.stop(ExitReason::Shutdown);
        let actor = child.actor.clone();
        let refused = one_turn_later(move || actor.try_tell(Say("late"))).await;
        assert!(
            matches!(
                refused,
                Err(SendError {
                    failure: SendFailure::Closed { reason: ExitReason::Shutdown, .. },
                    ..
                })
            ),
            "{refused:?}"
        );
        assert_eq!(child.end().await.into_reason(), ExitReason::Shutdown);
        soon(monitor).await;
        assert_eq!((log.count("waited"), log.count("late")), (600, 0));
        assert_eq!(log.all().last().unwrap(), "stopped");
        // Down, it holds mail as its spec says.
        child.actor.try_tell(Say("for the next")).unwrap();
        child.launch().await;
        settle().await;
        assert!(log.has("for the next"));

        let (mut child, log) = held(&node, MailboxSpec::default()).await;
        child.actor.try_tell(Say("waited")).unwrap();
        child.cell.stop(ExitReason::Shutdown);
        assert_eq!(child.facts().await.dropped, 1, "without it they are dropped");
        assert!(!log.has("waited"));
    });
}

#[test]
fn a_kill_ends_a_drain() {
    paused(async |node| {
        let spec = MailboxSpec { drain_on_stop: true, ..MailboxSpec::default() };
        let (mut child, log) = held(&node, spec).await;
        (0..1_000).for_each(|_| child.actor.try_tell(Say("x")).unwrap());
        child.cell.stop(ExitReason::Shutdown);
        let cell = child.cell.clone();
        one_turn_later(move || cell.kill()).await;
        assert_eq!(child.end().await.into_reason(), ExitReason::Killed);
        assert!(log.count("x") < 1_000);
    });
}

/// Sends itself a message in every handler, for ever.
struct Busy {
    sent: Arc<AtomicU64>,
    ticks: Arc<AtomicUsize>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Again;

impl Actor for Busy {
    type Context = ms_actor::Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        for _ in 0..1_000 {
            ctx.me().try_tell(Again).unwrap();
        }
        let tick =
            |act: &mut Self, _: &mut Self::Context| drop(act.ticks.fetch_add(1, Ordering::SeqCst));
        ctx.run_interval(Duration::from_millis(1), tick);
        ctx.spawn(
            tokio::task::yield_now()
                .into_actor(self)
                .map(|(), act, _| drop(act.ticks.fetch_add(100, Ordering::SeqCst))),
        );
    }
}

impl Handler<Again> for Busy {
    type Result = ();
    fn handle(&mut self, _: Again, ctx: &mut Self::Context) {
        self.sent.fetch_add(1, Ordering::SeqCst);
        ctx.me().try_tell(Again).unwrap();
    }
}

#[test]
fn a_self_sending_actor_starves_neither_neighbours_nor_timers_nor_itself() {
    // Real time: paused time stands still while something is ready to run.
    actix::System::new().block_on(async {
        let config = ms_actor::NodeConfig { arbiters: 0, ..ms_actor::NodeConfig::default() };
        let node = Node::boot(config).unwrap();
        let (sent, ticks) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        let blueprint = Blueprint::actor({
            let (sent, ticks) = (Arc::clone(&sent), Arc::clone(&ticks));
            move || Busy { sent: Arc::clone(&sent), ticks: Arc::clone(&ticks) }
        });
        let mut busy =
            Child::<Busy>::start(&node, "busy", &blueprint.mailbox(MailboxSpec::bounded(2_000)))
                .await;
        let neighbour = Child::<Probe>::start(&node, "b", &probes(&Log::default())).await;
        let (asked, seen) = (neighbour.actor.clone(), Arc::clone(&sent));
        let asks = spawn_local(async move {
            for count in 1..20 {
                let before = seen.load(Ordering::SeqCst);
                assert_eq!(asked.ask(Count).within(PAUSED_LIMIT).await.unwrap(), count);
                let meanwhile = seen.load(Ordering::SeqCst) - before;
                assert!(meanwhile <= 8 * 256, "a few turns of 256 at most, not {meanwhile}");
            }
        });
        soon(asks).await.unwrap();
        soon(tokio::time::sleep(Duration::from_millis(5))).await;
        common::until(|| ticks.load(Ordering::SeqCst) > 102).await;
        assert_eq!(busy.cell.status().mailbox.depth, Some(1_000), "it is as busy as before");
        assert_eq!(busy.cell.ask_status(PAUSED_LIMIT).await.unwrap().mailbox.depth, Some(1_000));
        busy.cell.stop(ExitReason::Shutdown);
        assert_eq!(busy.end().await.into_reason(), ExitReason::Shutdown);
        node.halt(PAUSED_LIMIT);
    });
}

/// A chain of waits that are ready at once is cut into turns as well.
#[test]
fn waits_without_end_do_not_hold_the_arbiter() {
    fn again(act: &mut Probe, ctx: &mut ms_actor::Context<Probe>) {
        act.count += 1;
        ctx.wait(async {}.into_actor(act).map(|(), act, ctx| again(act, ctx)));
    }
    paused(async |node| {
        let mut child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        child.actor.try_tell(act(again)).unwrap();
        settle().await;
        child.cell.kill();
        assert_eq!(child.end().await.into_reason(), ExitReason::Killed);
    });
}

#[test]
fn control_comes_before_a_backlog() {
    paused(async |node| {
        let handled = Arc::new(AtomicUsize::new(0));
        let (mut child, _) = held(&node, MailboxSpec::unbounded()).await;
        for _ in 0..100_000 {
            let handled = Arc::clone(&handled);
            child
                .actor
                .try_tell(act(move |_, _| drop(handled.fetch_add(1, Ordering::SeqCst))))
                .unwrap();
        }
        let cell = child.cell.clone();
        // Between any two messages, not only between two turns.
        child.cell.resume();
        let seen = Arc::clone(&handled);
        let look = spawn_local(async move {
            let before = seen.load(Ordering::SeqCst);
            let status = cell.ask_status(PAUSED_LIMIT).await.unwrap();
            cell.suspend();
            (before, status)
        });
        let (before, status) = look.await.unwrap();
        assert!(
            status.handled >= before as u64 && status.handled <= before as u64 + 512,
            "{before} {status:?}"
        );
        assert_eq!(status.mailbox.depth, Some(100_000 - status.handled));
        settle().await;
        let at_rest = handled.load(Ordering::SeqCst);
        assert!(at_rest <= 2_048, "{at_rest} messages until it obeyed");
        settle().await;
        assert_eq!(handled.load(Ordering::SeqCst), at_rest, "suspended in the midst of it");
        assert_eq!(depth(&child), (100_000 - at_rest) as u64);
        child.cell.resume();
        child.cell.kill();
        let exit = child.end().await;
        assert_eq!(exit.reason(), &ExitReason::Killed);
        let dropped = exit.facts().unwrap().dropped;
        assert!(dropped > 98_000, "{dropped}");
    });
}

#[test]
fn control_is_served_between_two_messages_of_one_turn() {
    paused(async |node| {
        let log = Log::default();
        let mut child = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        let cell = child.cell.clone();
        child.actor.try_tell(Say("one")).unwrap();
        child.actor.try_tell(act(move |_, _| cell.kill())).unwrap();
        child.actor.try_tell(Say("two")).unwrap();
        child.end().await;
        assert_eq!(log.all(), ["started", "one"]);
    });
}

#[test]
fn an_ask_nobody_waits_for_is_skipped() {
    paused(async |node| {
        let (child, _) = held(&node, MailboxSpec::default()).await;
        let asks: Vec<_> = (0..5).map(|_| spawn_local(child.actor.ask(Count))).collect();
        settle().await;
        asks[1..4].iter().for_each(tokio::task::JoinHandle::abort);
        let late = child.actor.ask(Count).within(Duration::from_secs(1)).await;
        assert!(matches!(late, Err(AskError { failure: AskFailure::TimedOut { .. }, .. })));
        child.cell.resume();
        settle().await;
        assert_eq!(child.actor.ask(Count).await.unwrap(), 3, "two of six, and this");
        assert_eq!(child.cell.status().handled, 3);
    });
}

#[test]
fn addresses_of_actix_share_the_bound_and_the_mailbox() {
    paused(async |node| {
        let log = Log::default();
        let child =
            Child::<Probe>::start(&node, "a", &probes(&log).mailbox(MailboxSpec::bounded(2))).await;
        let (give, address) = tokio::sync::oneshot::channel();
        child.actor.ask(act(move |_, ctx| drop(give.send(ctx.address())))).await.unwrap();
        let address: Addr<Probe> = address.await.unwrap();
        for word in WORDS {
            address.try_send(Say(word)).unwrap();
        }
        settle().await;
        assert_eq!(log.all()[1..], WORDS, "more than the bound, in order, none lost");
        assert_eq!(address.send(Count).await.unwrap(), 1);
        assert_eq!(address.recipient::<Count>().send(Count).await.unwrap(), 2);
        assert_eq!(child.actor.port::<Count>().ask(Count, PAUSED_LIMIT).await.unwrap(), 3);
    });
}

#[test]
fn sampled_times_in_the_mailbox() {
    paused(async |node| {
        let (child, _) = held(&node, MailboxSpec::default()).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        (0..64).for_each(|_| child.actor.try_tell(Say("x")).unwrap());
        tokio::time::sleep(Duration::from_secs(2)).await;
        child.cell.resume();
        settle().await;
        let waited = child.cell.status().mailbox.wait_max_us.unwrap();
        assert!((1_999_000..2_100_000).contains(&waited), "{waited}");
    });
}

/// A bounded mailbox of an unchanged actix actor is bounded too (actix's own is not: fact 7).
#[test]
fn tier_two_is_bounded() {
    use common::plain;
    paused(async |node| {
        let log = Log::default();
        let blueprint = Blueprint::actor({
            let log = log.clone();
            move || plain::Probe::new(&log)
        });
        let child =
            Child::<plain::Probe>::start(&node, "a", &blueprint.mailbox(MailboxSpec::bounded(3)))
                .await;
        child.cell.suspend();
        settle().await;
        let accepted =
            (0..100).take_while(|_| child.actor.try_tell(plain::Say("x")).is_ok()).count();
        assert_eq!(accepted, 3);
        let waits: Vec<_> =
            (0..20).map(|_| spawn_local(child.actor.tell(plain::Say("waited")))).collect();
        let asked = spawn_local(child.actor.ask(plain::Count));
        settle().await;
        child.cell.resume();
        for sender in waits {
            soon(sender).await.unwrap().unwrap();
        }
        assert_eq!(soon(asked).await.unwrap().unwrap(), 1);
        settle().await;
        assert_eq!((log.count("x"), log.count("waited")), (3, 20));
    });
}

/// Senders across threads at a small tier 2 mailbox: none of them hangs.
#[test]
fn tier_two_loses_no_wake_up() {
    use common::plain;
    threads(1, async |node| {
        let blueprint = Blueprint::actor(plain::Probe::default).mailbox(MailboxSpec::bounded(2));
        let child = Child::<plain::Probe>::start(&node, "a", &blueprint).await;
        let actor: Ref<plain::Probe> = child.actor.clone();
        let work = async {
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let actor = actor.clone();
                    spawn_local(async move {
                        for _ in 0..500 {
                            actor.tell(plain::Say("x")).within(PAUSED_LIMIT * 4).await.unwrap();
                        }
                        actor.ask(plain::Count).within(PAUSED_LIMIT * 4).await.unwrap();
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        };
        soon(work).await;
    });
}

/// Nobody will come: senders that wait learn it at once.
#[test]
fn closing_wakes_senders_of_both_tiers() {
    use common::plain;
    paused(async |node| {
        let ours = Child::<Probe>::start(
            &node,
            "a",
            &probes(&Log::default()).mailbox(MailboxSpec::bounded(1)),
        )
        .await;
        let blueprint = Blueprint::actor(plain::Probe::default).mailbox(MailboxSpec::bounded(1));
        let mut theirs = Child::<plain::Probe>::start(&node, "b", &blueprint).await;
        ours.cell.suspend();
        settle().await;
        ours.actor.try_tell(Say("in")).unwrap();
        let ours_waits = spawn_local(ours.actor.tell(Say("x")));
        theirs.cell.kill();
        theirs.end().await;
        let theirs_waits = spawn_local(theirs.actor.tell(plain::Say("x")));
        settle().await;
        let began = tokio::time::Instant::now();
        ours.cell.close(&ExitReason::Shutdown);
        theirs.cell.close(&ExitReason::Shutdown);
        assert!(matches!(
            ours_waits.await.unwrap(),
            Err(SendError { failure: SendFailure::Closed { .. }, .. })
        ));
        assert!(matches!(
            theirs_waits.await.unwrap(),
            Err(SendError { failure: SendFailure::Closed { .. }, .. })
        ));
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_launch_serves_what_was_sent_before_it() {
    paused(async |node| {
        let log = Log::default();
        let blueprint = made({
            let log = log.clone();
            move || Probe::new(&log)
        });
        let mut child = Child::<Probe>::new(&node, "a", &blueprint);
        child.actor.try_tell(Say("early")).unwrap();
        child.cell.launch(Placement::Pool);
        assert!(matches!(child.event().await, ChildEvent::Started(_)));
        settle().await;
        assert_eq!(log.all(), ["started", "early"]);
    });
}

/// A free place belongs to who waits: to others it is not free.
#[test]
fn k19_who_only_tries_does_not_pass_over_who_waits() {
    paused(async |node| {
        for capacity in [1_usize, 2, 8] {
            let (child, log) = held(&node, MailboxSpec::bounded(capacity)).await;
            let greedy = child.actor.clone();
            // The first message of the mailbox makes room, and tries to have it.
            let grabs = act(move |probe, _| {
                let took = (0..4).filter(|_| greedy.try_tell(Say("greedy")).is_ok()).count();
                probe.log.add(format!("took {took}"));
            });
            child.actor.try_tell(grabs).unwrap();
            (1..capacity).for_each(|_| child.actor.try_tell(Say("before")).unwrap());
            let waits = child.actor.clone();
            let waiting = spawn_local(async move { waits.tell(Say("waited")).await });
            settle().await;
            child.cell.resume();
            soon(waiting).await.unwrap().unwrap();
            settle().await;
            assert!(log.has("took 0"), "{:?}", log.all());
            assert_eq!((log.count("greedy"), log.count("waited")), (0, 1));
            child.actor.try_tell(Say("greedy")).expect("nobody waits any more");
        }
    });
}

#[test]
fn k19_those_who_wait_are_let_in_in_their_order() {
    paused(async |node| {
        let (child, log) = held(&node, MailboxSpec::bounded(1)).await;
        child.actor.try_tell(Say("first")).unwrap();
        for word in WORDS {
            let actor = child.actor.clone();
            // Tells and asks stand in one line.
            spawn_local(async move {
                match word {
                    "1" | "4" => actor.ask(Say(word)).await.unwrap(),
                    _ => actor.tell(Say(word)).await.unwrap(),
                }
            });
            settle().await;
        }
        child.cell.resume();
        settle().await;
        assert_eq!(log.all()[1..], ["first", "0", "1", "2", "3", "4", "5"]);
    });
}

/// One place, one sender that takes it whenever it can, and one that waits for it.
#[test]
fn k19_a_stream_of_tries_from_another_thread_starves_nobody() {
    threads(1, async |node| {
        let log = Log::default();
        let spec = MailboxSpec::bounded(2);
        let child = Child::<Probe>::start(&node, "a", &probes(&log).mailbox(spec)).await;
        let (greedy, stop) = (child.actor.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let grabs = std::thread::spawn(move || {
            let work = || act(|_, _| std::thread::sleep(Duration::from_micros(100)));
            while !stopped.load(Ordering::SeqCst) {
                drop(greedy.try_tell(work()));
            }
        });
        for _ in 0..20 {
            child.actor.tell(Say("waited")).within(PAUSED_LIMIT).await.expect("room comes often");
        }
        stop.store(true, Ordering::SeqCst);
        grabs.join().unwrap();
        until(|| log.count("waited") == 20).await;
    });
}

#[test]
fn k19_the_place_of_who_gives_up_is_for_the_next() {
    paused(async |node| {
        let (child, log) = held(&node, MailboxSpec::bounded(1)).await;
        child.actor.try_tell(Say("first")).unwrap();
        let tell = |word| {
            let actor = child.actor.clone();
            spawn_local(async move { actor.tell(Say(word)).await })
        };
        let gives_up = tell("gives up");
        settle().await;
        let second = tell("second");
        settle().await;
        // It is woken for the place that comes free, and does not come to take it.
        child.actor.any().resume();
        one_turn_later(move || gives_up.abort()).await;
        soon(second).await.unwrap().unwrap();
        settle().await;
        assert_eq!(log.all()[1..], ["first", "second"]);
    });
}

/// A future that is polled once and then kept without being polled holds one place, and that
/// until its deadline only.
#[test]
fn k19_a_claim_that_is_not_made_good_ends_at_its_deadline() {
    paused(async |node| {
        let (child, log) = held(&node, MailboxSpec::bounded(1)).await;
        child.actor.try_tell(Say("first")).unwrap();
        let mut kept = Box::pin(child.actor.tell(Say("kept")).within(Duration::from_secs(3)));
        let first = std::future::poll_fn(|task| std::task::Poll::Ready(kept.as_mut().poll(task)));
        assert!(first.await.is_pending());
        child.cell.resume();
        settle().await;
        assert!(child.actor.try_tell(Say("too early")).is_err());
        tokio::time::sleep(Duration::from_secs(3)).await;
        child.actor.try_tell(Say("in its place")).unwrap();
        settle().await;
        assert_eq!(log.all()[1..], ["first", "in its place"]);
    });
}

/// Closing, a crash and a restart hand the message back or let it in, as ever.
#[test]
fn k19_who_waits_is_notified_when_the_mailbox_closes() {
    paused(async |node| {
        let (mut child, log) = held(&node, MailboxSpec::bounded(1)).await;
        child.actor.try_tell(Say("first")).unwrap();
        let tell = |word| {
            let actor = child.actor.clone();
            spawn_local(async move { actor.tell(Say(word)).await })
        };
        let (one, two) = (tell("one"), tell("two"));
        settle().await;
        child.cell.kill();
        child.end().await;
        soon(one).await.unwrap().expect("the crash left room for one");
        child.cell.close(&ExitReason::Killed);
        let error = soon(two).await.unwrap().unwrap_err();
        assert!(matches!(error.failure, SendFailure::Closed { .. }), "{error:?}");
        assert_eq!(error.into_message().0, "two");
        assert_eq!(log.all(), ["started"]);
    });
}

#[test]
fn k19_in_tier_two_too_who_only_tries_does_not_pass_over_who_waits() {
    use common::plain;
    paused(async |node| {
        let log = Log::default();
        let probe = log.clone();
        let blueprint = Blueprint::actor(move || plain::Probe::new(&probe));
        let spec = MailboxSpec::bounded(1);
        let child = Child::<plain::Probe>::start(&node, "a", &blueprint.mailbox(spec)).await;
        child.cell.suspend();
        settle().await;
        while child.actor.try_tell(plain::Say("first")).is_ok() {}
        let actor = child.actor.clone();
        let waiting = spawn_local(async move { actor.tell(plain::Say("waited")).await });
        settle().await;
        child.cell.resume();
        // Room comes with the turn; whoever tries before the one that waits has had its turn
        // finds none.
        let greedy = child.actor.clone();
        until(|| log.has("first")).await;
        let tried = one_turn_later(move || greedy.try_tell(plain::Say("greedy")).is_ok());
        let (tried, waited) = (tried.await, soon(waiting).await.unwrap());
        waited.unwrap();
        settle().await;
        let (waited, greedy) = (
            log.all().iter().position(|line| line == "waited"),
            log.all().iter().position(|line| line == "greedy"),
        );
        assert!(waited.is_some() && (!tried || greedy > waited), "{:?}", log.all());
    });
}

/// A literal may say what no constructor does. To actix a bound of 0 would be none.
#[test]
fn k2_a_mailbox_that_reaches_nobody_is_a_failed_start() {
    use common::plain;
    let spec = MailboxSpec { capacity: Some(0), ..MailboxSpec::default() };
    assert!(spec.check().is_err() && MailboxSpec::bounded(0).check().is_ok());
    paused(async |node| {
        let log = Log::default();
        let mut ours = Child::<Probe>::new(&node, "a", &probes(&log).mailbox(spec));
        ours.cell.launch(Placement::Pool);
        let reason = ours.failed().await.to_string();
        assert!(reason.contains("a capacity of 0"), "{reason}");
        let blueprint = Blueprint::actor(plain::Probe::default).mailbox(spec);
        let mut plain = Child::<plain::Probe>::new(&node, "b", &blueprint);
        plain.cell.launch(Placement::Pool);
        assert!(plain.failed().await.to_string().contains("a capacity of 0"));
        assert_eq!(log.all(), Vec::<String>::new());
    });
}
