//! One small test a sentence of the kernel's part of `docs/semantics.md`, under supervisors.
//! The kernel's own tests go deeper.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use crate::common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use actix::prelude::*;
use common::*;
use ms_actor::{AskFailure, Overflow, Ref, SendFailure, StartError};
use ms_core::{Backoff, ExitReason, Restart, Shutdown};
use ms_supervisor::{ChildSpec, StartRootError, SupervisorSpec, Verb, start_root};

const HOUR: Duration = Duration::from_secs(3600);

fn one(child: ChildSpec) -> SupervisorSpec {
    SupervisorSpec::one_for_one("root").intensity(9, HOUR).child(child)
}

#[test]
fn k1_messages_of_one_sender_arrive_in_order() {
    struct Lister(Vec<u32>);
    impl Actor for Lister {
        type Context = ms_actor::Context<Self>;
    }
    #[derive(Message)]
    #[rtype(result = "Vec<u32>")]
    struct Put(u32);
    impl Handler<Put> for Lister {
        type Result = MessageResult<Put>;
        fn handle(&mut self, Put(n): Put, _: &mut Self::Context) -> Self::Result {
            self.0.push(n);
            MessageResult(self.0.clone())
        }
    }
    threads(2, |node| async move {
        let root = start(&node, one(ChildSpec::actor("a", || Lister(Vec::new())))).await;
        let a = root.get::<Lister>("a").await.expect("there");
        for n in 0..500 {
            a.tell(Put(n)).await.expect("room");
        }
        assert_eq!(a.ask(Put(500)).await.expect("answers"), (0..=500).collect::<Vec<_>>());
    });
}

/// S2.4-03, S2.4-08
#[test]
fn k2_a_mailbox_is_bounded_and_a_refused_message_comes_back() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, one(probe(&log, "a").bounded(2, Overflow::Reject))).await;
        let a = get(&root, "a").await;
        a.any().suspend();
        settle().await;
        a.try_tell(Add(1)).expect("room");
        a.try_tell(Add(1)).expect("room");
        let full = a.try_tell(Add(7)).expect_err("full");
        assert!(matches!(full.failure, SendFailure::Full { capacity: 2, .. }));
        assert_eq!(full.into_message().0, 7);
    });
}

#[test]
fn k3_a_blocking_mailbox_makes_senders_wait_until_their_deadline() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, one(probe(&log, "a").bounded(1, Overflow::Block))).await;
        let a = get(&root, "a").await;
        a.any().suspend();
        settle().await;
        a.try_tell(Add(1)).expect("room");
        let late = a.tell(Add(1)).within(Duration::from_secs(2)).await.expect_err("no room");
        assert!(matches!(late.failure, SendFailure::TimedOut { .. }));
        let waiting = actix::spawn({
            let a = a.clone();
            async move { a.tell(Add(1)).await.is_ok() }
        });
        settle().await;
        a.any().resume();
        assert!(waiting.await.expect("ends"));
    });
}

/// S2.4-03, S2.4-09
#[test]
fn k4_an_ask_ends_with_the_answer_the_reason_or_its_deadline() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, one(probe(&log, "a"))).await;
        let a = get(&root, "a").await;
        assert_eq!(a.ask(Add(2)).await.expect("answers"), 2);
        let crashed = a.ask(Crash).await.expect_err("panics");
        assert!(
            matches!(&crashed.failure, AskFailure::Exited { reason, .. } if reason.panic().is_some())
        );
        a.any().suspend();
        settle().await;
        let late = a.ask(Add(1)).within(Duration::from_secs(1)).await.expect_err("suspended");
        assert!(matches!(late.failure, AskFailure::TimedOut { .. }));
    });
}

#[test]
fn k5_two_actors_that_wait_for_each_other_learn_of_the_deadlock() {
    struct Asker(Ref<Asker2>);
    struct Asker2;
    impl Actor for Asker {
        type Context = ms_actor::Context<Self>;
    }
    impl Actor for Asker2 {
        type Context = ms_actor::Context<Self>;
    }
    #[derive(Message)]
    #[rtype(result = "String")]
    struct Go(Option<Ref<Asker>>);
    impl Handler<Go> for Asker {
        type Result = actix::AtomicResponse<Self, String>;
        fn handle(&mut self, _: Go, ctx: &mut Self::Context) -> Self::Result {
            let (other, me) = (self.0.clone(), ctx.me());
            let ask = async move {
                other.ask(Go(Some(me))).await.unwrap_or_else(|error| error.to_string())
            };
            actix::AtomicResponse::new(Box::pin(actix::fut::wrap_future(ask)))
        }
    }
    impl Handler<Go> for Asker2 {
        type Result = actix::AtomicResponse<Self, String>;
        fn handle(&mut self, Go(back): Go, _: &mut Self::Context) -> Self::Result {
            let back = back.expect("asked by the other");
            let ask =
                async move { back.ask(Go(None)).await.unwrap_or_else(|error| error.to_string()) };
            actix::AtomicResponse::new(Box::pin(actix::fut::wrap_future(ask)))
        }
    }
    paused(|node| async move {
        let root = start(&node, one(ChildSpec::actor("two", || Asker2))).await;
        let two = root.get::<Asker2>("two").await.expect("there");
        let one = root
            .start_child(ChildSpec::actor("one", move || Asker(two.clone())))
            .await
            .expect("starts");
        let answer =
            one.typed::<Asker>().expect("one").ask(Go(None)).await.expect("answers at once");
        assert!(
            answer.contains("deadlock") && answer.contains("/root/one waits for /root/two"),
            "{answer}"
        );
    });
}

/// S2.4-02
#[test]
fn k6_a_panic_ends_the_actor_alone() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, one(probe(&log, "a")).child(probe(&log, "b"))).await;
        let (a, b) = (get(&root, "a").await, get(&root, "b").await);
        b.ask(Add(1)).await.expect("answers");
        for _ in 0..3 {
            crash(&a).await;
        }
        assert_eq!(b.ask(Add(1)).await.expect("answers"), 2, "the neighbour kept its state");
        assert_eq!(a.any().incarnation().0, 4);
    });
}

#[test]
fn k7_a_kill_runs_no_hook_and_cannot_be_trapped() {
    struct Trapper(Arc<AtomicU32>);
    impl Actor for Trapper {
        type Context = ms_actor::Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.trap_exit(|_, _, _| {});
        }
        fn stopping(&mut self, _: &mut Self::Context) -> Running {
            self.0.fetch_add(1, Ordering::SeqCst);
            Running::Continue
        }
        fn stopped(&mut self, _: &mut Self::Context) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    paused(|node| async move {
        let hooks = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&hooks);
        let child = ChildSpec::actor("a", move || Trapper(Arc::clone(&counted)))
            .restart(Restart::Temporary);
        let root = start(&node, one(child)).await;
        let a = root.find(&path("/root/a")).await.expect("there");
        a.exit(ExitReason::failed("trapped"));
        settle().await;
        assert!(a.is_alive());
        a.kill();
        settle().await;
        assert_eq!((a.last_exit(), hooks.load(Ordering::SeqCst)), (Some(ExitReason::Killed), 0));
    });
}

#[test]
fn k8_an_exit_signal_ends_whoever_does_not_trap_it_but_a_normal_one() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, one(probe(&log, "a"))).await;
        let a = get(&root, "a").await.any();
        a.exit(ExitReason::Normal);
        settle().await;
        assert_eq!(a.incarnation().0, 1);
        a.exit(ExitReason::failed("boom"));
        settle().await;
        assert_eq!((a.incarnation().0, a.last_exit()), (2, Some(ExitReason::failed("boom"))));
    });
}

#[test]
fn k9_an_actor_has_started_when_its_init_is_done() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(slow_probe(&log, "slow", Duration::from_secs(7)))
            .child(probe(&log, "next"));
        let began = node.now();
        let root = start(&node, tree).await;
        assert!(node.now().since(began) >= Duration::from_secs(7));
        assert_eq!(log.take(), ["+slow", "+next"]);
        assert_eq!(get(&root, "slow").await.ask(Add(1)).await.expect("answers"), 1);
    });
}

#[test]
fn k10_a_factory_or_init_that_fails_or_panics_is_a_failed_start() {
    struct Bad;
    impl Actor for Bad {
        type Context = ms_actor::Context<Self>;
        fn started(&mut self, _: &mut Self::Context) {
            panic!("in started");
        }
    }
    paused(|node| async move {
        let cases = [
            (
                "failed",
                ChildSpec::try_actor("a", |_| {
                    Err::<Bad, _>(StartError::Failed(ExitReason::failed("failed")))
                }),
            ),
            ("in the factory", ChildSpec::actor("a", || -> Bad { panic!("in the factory") })),
            ("in started", ChildSpec::actor("a", || Bad)),
        ];
        for (want, child) in cases {
            let error = start_root(&node, one(child)).await.expect_err("does not start");
            let StartRootError::Failed(ExitReason::ChildStartFailed { reason, .. }) = &error else {
                panic!("{error}")
            };
            assert!(reason.to_string().contains(want), "{reason}");
        }
    });
}

#[test]
fn k11_a_monitor_tells_the_end_of_one_life_once() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, one(probe(&log, "a"))).await;
        let a = get(&root, "a").await;
        let monitor = a.any().monitor();
        crash(&a).await;
        let down = monitor.await;
        assert_eq!(down.incarnation.0, 1);
        assert!(down.reason.panic().is_some());
        root.terminate_child(&id("a")).await.expect("there");
        assert_eq!(a.any().monitor().await.reason, ExitReason::NoProc);
    });
}

#[test]
fn k12_control_is_served_before_mail() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, one(probe(&log, "a").bounded(2000, Overflow::Reject))).await;
        let a = get(&root, "a").await;
        for _ in 0..1500 {
            a.try_tell(Add(1)).expect("room");
        }
        root.terminate_child(&id("a")).await.expect("there");
        assert_eq!(a.any().last_exit(), Some(ExitReason::Shutdown));
        assert!(node.dead_letters().count() >= 1000, "what waited is buried, not handled");
    });
}

#[test]
fn k13_stopping_may_ask_for_more_time_until_it_is_killed() {
    paused(|node| async move {
        let log = Log::default();
        let child = stubborn_probe(&log, "a").shutdown(Shutdown::Timeout(Duration::from_secs(1)));
        let root = start(&node, one(child)).await;
        let a = get(&root, "a").await;
        let stopping = actix::spawn({
            let root = root.as_supervisor().clone();
            async move { root.terminate_child(&id("a")).await }
        });
        sleep_ms(500).await;
        assert_eq!(a.ask(Add(1)).await.expect("it still serves"), 1);
        stopping.await.expect("ends").expect("there");
        assert_eq!(a.any().last_exit(), Some(ExitReason::Killed));
    });
}

#[test]
fn k14_an_end_with_futures_and_cancelled_timers_left_is_an_end() {
    struct Busy;
    impl Actor for Busy {
        type Context = ms_actor::Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.run_interval(Duration::from_secs(1), |_, _| {});
            ctx.run_later(Duration::from_millis(10), |_, ctx| {
                let doomed = ctx.run_later(HOUR, |_, _| {});
                ctx.run_later(HOUR, |_, _| {});
                ctx.cancel_future(doomed);
                ctx.exit_with(ExitReason::failed("done for"));
            });
        }
    }
    threads(1, |node| async move {
        let root =
            start(&node, one(ChildSpec::actor("a", || Busy).restart(Restart::Temporary))).await;
        let a = root.find(&path("/root/a")).await.expect("there");
        until("it has ended", async || !a.is_alive()).await;
        assert_eq!(a.last_exit(), Some(ExitReason::failed("done for")));
    });
}

#[test]
fn k15_plain_actix_actors_are_supervised_unchanged() {
    struct Plain(Arc<AtomicBool>);
    impl Actor for Plain {
        type Context = actix::Context<Self>;
    }
    #[derive(Message)]
    #[rtype(result = "bool")]
    struct Fail;
    impl Handler<Fail> for Plain {
        type Result = bool;
        fn handle(&mut self, _: Fail, _: &mut Self::Context) -> bool {
            assert!(self.0.swap(true, Ordering::SeqCst), "the first time");
            true
        }
    }
    paused(|node| async move {
        let failed = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&failed);
        let root =
            start(&node, one(ChildSpec::actor("a", move || Plain(Arc::clone(&shared))))).await;
        let a = root.get::<Plain>("a").await.expect("there");
        let error = a.ask(Fail).await.expect_err("panics");
        assert_eq!(
            error.exit_reason().and_then(ExitReason::panic).expect("a panic").message,
            "the first time"
        );
        assert!(a.ask(Fail).await.expect("a fresh instance"));
    });
}

#[test]
fn k16_a_suspended_actor_serves_control_only() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, one(probe(&log, "a"))).await;
        let a = get(&root, "a").await;
        root.steer(&path("/root/a"), Verb::Suspend).await.expect("there");
        settle().await;
        a.try_tell(Add(1)).expect("it waits");
        sleep_ms(1000).await;
        assert_eq!(a.any().depth(), Some(1));
        root.steer(&path("/root/a"), Verb::Kill).await.expect("a kill is control");
        settle().await;
        assert_eq!(a.ask(Add(5)).await.expect("the next life is not suspended"), 5);
    });
}

/// OTP: supervisor_SUITE:simple_global_supervisor
#[test]
fn a8_a_resource_that_the_old_life_still_holds_is_an_ordinary_failed_start() {
    struct Holder(Arc<AtomicBool>);
    impl Actor for Holder {
        type Context = ms_actor::Context<Self>;
    }
    paused(|node| async move {
        let taken = Arc::new(AtomicBool::new(false));
        let name = Arc::clone(&taken);
        let child = ChildSpec::try_actor("a", move |_: &Ref<Holder>| {
            if name.swap(true, Ordering::SeqCst) {
                return Err(StartError::Failed(ExitReason::failed("already registered")));
            }
            Ok(Holder(Arc::clone(&name)))
        });
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(1));
        let backoff = Backoff { min, max, jitter: 0.0, reset_after: HOUR };
        let root = start(&node, one(child.backoff(backoff))).await;
        let a = root.get::<Holder>("a").await.expect("there").any();
        a.kill();
        sleep_ms(250).await;
        assert!(!a.is_alive(), "the name is still held");
        taken.store(false, Ordering::SeqCst);
        sleep_ms(1000).await;
        assert!(a.is_alive(), "a retry has won");
        let _ = Holder(taken).0;
    });
}
