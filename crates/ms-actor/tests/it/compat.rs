//! Code written for `actix::Context` means the same under `ms_actor::Context`.
//!
//! Each script below is compiled twice, once for each context, run on plain actix
//! and on the kernel, and the order of all that happened is compared. Departures on
//! purpose are at the end, each with a test of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dropping_copy_types,
    clippy::type_complexity,
    reason = "drop says that an answer is not looked at"
)]

use crate::common;

use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use actix::prelude::*;
use common::{Log, paused, settle};
use futures_util::stream::{self, StreamExt};
use ms_actor::{Node, spawn};

/// A sink that writes to the log.
struct LogSink(Log);
impl futures_util::Sink<u32> for LogSink {
    type Error = String;
    fn poll_ready(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
    fn start_send(self: Pin<&mut Self>, item: u32) -> Result<(), String> {
        self.0.add(format!("sent {item}"));
        Ok(())
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

macro_rules! tell {
    (ours, $to:expr, $message:expr) => {
        $to.try_tell($message).unwrap()
    };
    (plain, $to:expr, $message:expr) => {
        $to.try_send($message).unwrap()
    };
}

macro_rules! scripts {
    ($context:ident, $handle:ty, $start:expr) => {
        mod $context {
            use super::*;
            use common::$context::*;

            fn start(node: &Node, probe: Probe) -> $handle {
                let start: fn(&Node, Probe) -> $handle = $start;
                start(node, probe)
            }

            /// An actor's future out of a closure.
            struct Polled<F>(F);
            impl<F> Unpin for Polled<F> {}
            impl<F: FnMut(&mut Probe, &mut Ctx, &mut Task<'_>) -> Poll<()>> ActorFuture<Probe>
                for Polled<F>
            {
                type Output = ();
                fn poll(
                    mut self: Pin<&mut Self>,
                    act: &mut Probe,
                    ctx: &mut Ctx,
                    task: &mut Task<'_>,
                ) -> Poll<()> {
                    (self.0)(act, ctx, task)
                }
            }

            fn polled<F>(poll: F) -> Polled<F>
            where
                F: FnMut(&mut Probe, &mut Ctx, &mut Task<'_>) -> Poll<()>,
            {
                Polled(poll)
            }

            /// Logs `what` after `time`.
            fn later(
                act: &Probe,
                time: Duration,
                what: &'static str,
            ) -> impl ActorFuture<Probe, Output = ()> + use<> {
                let _ = act;
                tokio::time::sleep(time)
                    .into_actor(act)
                    .map(move |(), act: &mut Probe, _: &mut Ctx| act.log.add(what))
            }

            /// Logs `what` when it is polled first.
            fn now(
                act: &Probe,
                what: &'static str,
            ) -> impl ActorFuture<Probe, Output = ()> + use<> {
                async {}
                    .into_actor(act)
                    .map(move |(), act: &mut Probe, _: &mut Ctx| act.log.add(what))
            }

            pub(super) async fn waits_in_order(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                tell!(
                    $context,
                    actor,
                    act(|act, ctx| {
                        ctx.wait(later(act, secs(3), "first"));
                        ctx.wait(later(act, secs(1), "second"));
                        ctx.wait(now(act, "third"));
                        ctx.spawn(now(act, "spawned"));
                    })
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(10)).await;
            }

            pub(super) async fn nested_waits(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                tell!(
                    $context,
                    actor,
                    act(|act, ctx| {
                        let outer = tokio::time::sleep(secs(1)).into_actor(act).map(
                            |(), act: &mut Probe, ctx: &mut Ctx| {
                                act.log.add("outer");
                                ctx.wait(later(act, secs(1), "inner"));
                                ctx.spawn(now(act, "beside"));
                            },
                        );
                        ctx.wait(outer);
                        ctx.wait(later(act, secs(2), "other"));
                    })
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(10)).await;
            }

            pub(super) async fn wait_in_started(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        ctx.wait(later(act, secs(1), "init"));
                        ctx.spawn(now(act, "spawned"));
                        ctx.notify(Say("notified"));
                    }),
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(2)).await;
            }

            pub(super) async fn wait_by_a_future(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        let mut polls = 0;
                        ctx.spawn(polled(move |act: &mut Probe, ctx: &mut Ctx, task| {
                            polls += 1;
                            act.log.add(format!("poll {polls}"));
                            if polls < 4 {
                                ctx.wait(later(act, secs(1), "waited"));
                                task.waker().wake_by_ref();
                                return Poll::Pending;
                            }
                            Poll::Ready(())
                        }));
                        ctx.spawn(now(act, "a"));
                        ctx.spawn(now(act, "b"));
                    }),
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(9)).await;
            }

            pub(super) async fn spawn_order(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        for what in ["a", "b", "c", "d"] {
                            ctx.spawn(now(act, what));
                        }
                        ctx.spawn(later(act, secs(2), "late"));
                        ctx.spawn(later(act, secs(1), "soon"));
                        ctx.spawn(now(act, "e"));
                    }),
                );
                tell!(
                    $context,
                    actor,
                    act(|act, ctx| {
                        ctx.spawn(now(act, "f"));
                        act.log.add("handler");
                        ctx.spawn(async {}.into_actor(act).map(
                            |(), act: &mut Probe, ctx: &mut Ctx| {
                                act.log.add("g");
                                ctx.spawn(now(act, "h"));
                            },
                        ));
                    })
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(3)).await;
            }

            pub(super) async fn cancel_at_once(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                tell!(
                    $context,
                    actor,
                    act(|act, ctx| {
                        let ready = ctx.spawn(now(act, "ready"));
                        act.log.add(format!("{}", ctx.cancel_future(ready)));
                        let sleeps = ctx.spawn(later(act, secs(1), "sleeps"));
                        ctx.cancel_future(sleeps);
                    })
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(3)).await;
            }

            pub(super) async fn cancel_in_started(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        let ready = ctx.spawn(now(act, "ready"));
                        ctx.spawn(now(act, "stays"));
                        ctx.cancel_future(ready);
                    }),
                );
                tell!($context, actor, Say("message"));
                settle().await;
            }

            pub(super) async fn cancel_by_another(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        let first = ctx.run_later(secs(2), |act, _| act.log.add("first"));
                        let second = ctx.run_later(secs(3), |act, _| act.log.add("second"));
                        ctx.run_later(secs(1), move |_, ctx| drop(ctx.cancel_future(first)));
                        // Once: cancelling in every poll holds actix's loop for ever.
                        let mut second = Some(second);
                        ctx.spawn(polled(move |act: &mut Probe, ctx: &mut Ctx, _| {
                            act.log.add("polled");
                            if let Some(second) = second.take() {
                                ctx.cancel_future(second);
                            }
                            Poll::Pending
                        }));
                        let _ = act;
                    }),
                );
                tokio::time::sleep(secs(9)).await;
                drop(actor);
            }

            pub(super) async fn cancel_itself(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        let mut polls = 0;
                        ctx.spawn(polled(move |act: &mut Probe, ctx: &mut Ctx, task| {
                            polls += 1;
                            act.log.add(format!("poll {polls}"));
                            if polls == 3 {
                                let me = ctx.handle();
                                ctx.cancel_future(me);
                            }
                            task.waker().wake_by_ref();
                            Poll::Pending
                        }));
                        ctx.run_later(secs(1), |act, _| act.log.add("timer"));
                        let _ = act;
                    }),
                );
                tokio::time::sleep(secs(9)).await;
                drop(actor);
            }

            pub(super) async fn notify(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|_, ctx| {
                        ctx.notify(Say("in started"));
                        ctx.notify_later(Say("later"), secs(1));
                    }),
                );
                tell!(
                    $context,
                    actor,
                    act(|act, ctx| {
                        ctx.notify(Say("notified"));
                        ctx.notify(act_in_notify());
                        act.log.add("handler");
                    })
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(3)).await;
            }

            fn act_in_notify() -> Do {
                act(|act, ctx| {
                    act.log.add("notified again");
                    ctx.notify(Say("last"));
                })
            }

            pub(super) async fn timers(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|_, ctx| {
                        ctx.run_later(secs(3), |act, _| act.log.add("3"));
                        ctx.run_later(secs(1), |act, _| act.log.add("1"));
                        ctx.run_later(secs(2), |act, _| act.log.add("2 a"));
                        ctx.run_later(secs(2), |act, _| act.log.add("2 b"));
                        ctx.run_later(Duration::ZERO, |act, _| act.log.add("0"));
                    }),
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(9)).await;
            }

            pub(super) async fn interval(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|_, ctx| {
                        let ticks = ctx.run_interval(secs(1), |act, _| act.log.add("tick"));
                        ctx.run_later(Duration::from_millis(5_500), move |act, ctx| {
                            act.log.add("cancel");
                            ctx.cancel_future(ticks);
                        });
                    }),
                );
                tokio::time::sleep(secs(20)).await;
                drop(actor);
            }

            /// An interval goes on behind a wait and catches up.
            pub(super) async fn interval_behind_a_wait(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        ctx.run_interval(secs(1), |act, ctx| {
                            act.log.add("tick");
                            act.count += 1;
                            if act.count == 2 {
                                ctx.wait(later(act, Duration::from_millis(3_500), "waited"));
                            }
                        });
                        let _ = act;
                    }),
                );
                tokio::time::sleep(secs(9)).await;
                drop(actor);
            }

            pub(super) async fn streams(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|_, ctx| {
                        Probe::add_stream(stream::iter(0..40_u32), ctx);
                        ctx.notify(Say("notified"));
                    }),
                );
                tell!($context, actor, Say("message"));
                settle().await;
                tell!(
                    $context,
                    actor,
                    act(|_, ctx| drop(Probe::add_stream(stream::iter([7_u32]), ctx)))
                );
                settle().await;
            }

            pub(super) async fn stream_that_waits(node: &Node, log: &Log) {
                let mut probe = Probe::new(log).started(|_, ctx| {
                    Probe::add_stream(stream::iter([1_u32, 2, 3]), ctx);
                });
                probe.item = Some(Box::new(|act, ctx, item| {
                    ctx.wait(later(act, secs(1), "waited"));
                    ctx.spawn(now(act, "beside"));
                    if item == 2 {
                        ctx.notify(Say("notified"));
                    }
                }));
                let actor = start(node, probe);
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(9)).await;
            }

            pub(super) async fn stream_that_stops(node: &Node, log: &Log) {
                let mut probe = Probe::new(log).started(|_, ctx| {
                    Probe::add_stream(stream::iter([1_u32, 2, 3]), ctx);
                });
                probe.item = Some(Box::new(|_, ctx, item| {
                    if item == 2 {
                        ctx.stop()
                    }
                }));
                let actor = start(node, probe);
                tell!($context, actor, Say("message"));
                settle().await;
            }

            pub(super) async fn message_stream(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        let ticks = stream::iter(["a", "b", "c"]).then(|what| async move {
                            tokio::time::sleep(secs(1)).await;
                            Say(what)
                        });
                        ctx.add_message_stream(Box::pin(ticks));
                        ctx.add_message_stream(stream::iter([Say("x"), Say("y")]));
                        let _ = act;
                    }),
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(9)).await;
            }

            pub(super) async fn sink(node: &Node, log: &Log) {
                let writer = log.clone();
                let actor = start(
                    node,
                    Probe::new(log).started(move |act, ctx| {
                        let mut sink = actix::io::SinkWrite::new(LogSink(writer), ctx);
                        sink.write(1).unwrap();
                        sink.write(2).unwrap();
                        ctx.run_later(secs(1), move |act, _| {
                            sink.write(3).unwrap();
                            sink.close();
                            act.log.add(format!("{:?}", sink.write(4)));
                        });
                        act.log.add("wrote");
                    }),
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(3)).await;
            }

            pub(super) async fn stop_in_started(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        ctx.spawn(now(act, "never"));
                        ctx.stop();
                    }),
                );
                tell!($context, actor, Say("never"));
                settle().await;
            }

            pub(super) async fn stop_in_a_handler(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                tell!(
                    $context,
                    actor,
                    act(|act, ctx| {
                        ctx.spawn(now(act, "never"));
                        ctx.stop();
                        ctx.stop();
                        act.log.add(format!("{:?}", ctx.state()));
                    })
                );
                tell!($context, actor, Say("never"));
                settle().await;
            }

            pub(super) async fn stop_in_a_future(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|act, ctx| {
                        ctx.spawn(now(act, "before"));
                        ctx.spawn(
                            async {}
                                .into_actor(act)
                                .map(|(), _: &mut Probe, ctx: &mut Ctx| ctx.stop()),
                        );
                        ctx.spawn(now(act, "behind"));
                    }),
                );
                tell!($context, actor, Say("message"));
                settle().await;
            }

            pub(super) async fn stop_in_a_wait(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                tell!(
                    $context,
                    actor,
                    act(|act, ctx| {
                        ctx.wait(later(act, secs(5), "never"));
                        ctx.wait(
                            tokio::time::sleep(secs(1))
                                .into_actor(act)
                                .map(|(), _: &mut Probe, ctx: &mut Ctx| ctx.stop()),
                        );
                    })
                );
                tell!($context, actor, Say("never"));
                tokio::time::sleep(secs(9)).await;
            }

            pub(super) async fn terminate(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                tell!($context, actor, Say("message"));
                tell!(
                    $context,
                    actor,
                    act(|act, ctx| {
                        ctx.spawn(now(act, "never"));
                        ctx.terminate();
                        act.log.add(format!("{:?}", ctx.state()));
                    })
                );
                tell!($context, actor, Say("never"));
                settle().await;
            }

            pub(super) async fn terminate_in_started(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log).started(|_, ctx| ctx.terminate()));
                tell!($context, actor, Say("never"));
                settle().await;
            }

            pub(super) async fn stopping_says_continue_once(node: &Node, log: &Log) {
                let mut asked = 0;
                let actor = start(
                    node,
                    Probe::new(log).stopping(move |act, ctx| {
                        asked += 1;
                        act.log.add(format!("{:?}", ctx.state()));
                        ctx.spawn(now(act, "spawned in stopping"));
                        if asked == 1 { Running::Continue } else { Running::Stop }
                    }),
                );
                tell!($context, actor, act(|_, ctx| ctx.stop()));
                tell!($context, actor, Say("handled after all"));
                settle().await;
                tell!($context, actor, act(|_, ctx| ctx.stop()));
                tell!($context, actor, Say("never"));
                settle().await;
            }

            pub(super) async fn stopped_sees_the_state(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).stopped(|act, ctx| act.log.add(format!("{:?}", ctx.state()))),
                );
                tell!($context, actor, act(|_, ctx| ctx.stop()));
                settle().await;
            }

            pub(super) async fn nobody_holds_it(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                tell!($context, actor, Say("one"));
                let second = actor.clone();
                drop(actor);
                settle().await;
                tell!($context, second, Say("two"));
                drop(second);
                settle().await;
            }

            pub(super) async fn nobody_holds_it_but_it_has_work(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log)
                        .started(|act, ctx| drop(ctx.spawn(later(act, secs(5), "done")))),
                );
                drop(actor);
                settle().await;
                log.add("dropped");
                tokio::time::sleep(secs(9)).await;
            }

            pub(super) async fn nobody_holds_it_and_it_wants_to_stay(node: &Node, log: &Log) {
                let mut asked = 0;
                let actor = start(
                    node,
                    Probe::new(log).stopping(move |act, ctx| {
                        asked += 1;
                        if asked == 1 {
                            ctx.spawn(later(act, secs(5), "done"));
                            return Running::Continue;
                        }
                        Running::Stop
                    }),
                );
                drop(actor);
                tokio::time::sleep(secs(9)).await;
            }

            pub(super) async fn addresses(node: &Node, log: &Log) {
                let (give, got) = tokio::sync::oneshot::channel();
                let actor = start(
                    node,
                    Probe::new(log).started(move |_, ctx| drop(give.send(ctx.address()))),
                );
                settle().await;
                let address: Addr<Probe> = got.await.unwrap();
                let weak = address.downgrade();
                let recipient: Recipient<Say> = address.clone().recipient();
                drop(actor);
                settle().await;
                log.add(format!("{} {}", recipient.connected(), weak.upgrade().is_some()));
                recipient.try_send(Say("by recipient")).unwrap();
                address.try_send(Say("by address")).unwrap();
                log.add(format!("{:?}", address.send(Count).await));
                drop((address, recipient));
                settle().await;
                log.add(format!("{}", weak.upgrade().is_some()));
            }

            pub(super) async fn address_of_the_stopped(node: &Node, log: &Log) {
                let (give, got) = tokio::sync::oneshot::channel();
                let actor = start(
                    node,
                    Probe::new(log).started(move |_, ctx| drop(give.send(ctx.address()))),
                );
                settle().await;
                let address: Addr<Probe> = got.await.unwrap();
                let pending =
                    address.send(beside(|act| Box::pin(std::future::pending().into_actor(act))));
                let pending = tokio::task::spawn_local(pending);
                settle().await;
                tell!($context, actor, act(|_, ctx| ctx.stop()));
                settle().await;
                log.add(format!("{:?} {}", pending.await.unwrap(), address.connected()));
                log.add(format!("{:?}", address.send(Count).await));
            }

            pub(super) async fn atomic_responses(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log).started(|_, ctx| {
                        ctx.run_interval(secs(1), |act, _| act.log.add("tick"));
                    }),
                );
                let answer = |what: &'static str| {
                    alone(move |act| {
                        act.log.add(format!("enter {what}"));
                        Box::pin(
                            tokio::time::sleep(Duration::from_millis(2_500)).into_actor(act).map(
                                move |(), act: &mut Probe, _: &mut Ctx| {
                                    act.log.add(format!("leave {what}"));
                                    0
                                },
                            ),
                        )
                    })
                };
                tell!($context, actor, answer("a"));
                tell!($context, actor, Say("message"));
                tell!($context, actor, answer("b"));
                tokio::time::sleep(secs(7)).await;
            }

            pub(super) async fn responses_beside(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                for (what, time) in [("three", 3), ("one", 1), ("two", 2)] {
                    tell!(
                        $context,
                        actor,
                        beside(move |act| {
                            act.log.add(format!("enter {what}"));
                            Box::pin(tokio::time::sleep(secs(time)).into_actor(act).map(
                                move |(), act: &mut Probe, _: &mut Ctx| {
                                    act.log.add(format!("leave {what}"));
                                    0
                                },
                            ))
                        })
                    );
                }
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(7)).await;
            }

            pub(super) async fn messages_before_futures(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                for (message, future) in [("m1", "f1"), ("m2", "f2"), ("m3", "f3")] {
                    tell!(
                        $context,
                        actor,
                        act(move |act, ctx| {
                            act.log.add(message);
                            ctx.spawn(now(act, future));
                        })
                    );
                }
                settle().await;
                tell!(
                    $context,
                    actor,
                    act(|act, ctx| {
                        ctx.notify(Say("notified"));
                        let me = ctx.address();
                        me.try_send(Say("sent to itself")).unwrap();
                        act.log.add(format!("{}", ctx.waiting()));
                        ctx.wait(now(act, "waited"));
                        act.log.add(format!("{}", ctx.waiting()));
                    })
                );
                settle().await;
            }

            pub(super) async fn hooks_that_act(node: &Node, log: &Log) {
                let actor = start(
                    node,
                    Probe::new(log)
                        .stopping(|act, ctx| {
                            ctx.spawn(now(act, "spawned in stopping"));
                            ctx.wait(now(act, "waited in stopping"));
                            ctx.notify(Say("notified in stopping"));
                            Running::Stop
                        })
                        .stopped(|act, ctx| {
                            ctx.spawn(now(act, "spawned in stopped"));
                            ctx.stop();
                            ctx.terminate();
                        }),
                );
                tell!($context, actor, act(|_, ctx| ctx.stop()));
                settle().await;
            }

            pub(super) async fn detached(node: &Node, log: &Log) {
                let actor = start(node, Probe::new(log));
                let shared = log.clone();
                tell!(
                    $context,
                    actor,
                    away(move |_, _| Box::pin(async move {
                        tokio::time::sleep(secs(1)).await;
                        shared.add("detached");
                        0
                    }))
                );
                tell!($context, actor, Say("message"));
                tokio::time::sleep(secs(3)).await;
            }
        }
    };
}

scripts!(ours, ms_actor::Ref<Probe>, |node, probe| spawn(node, "probe", probe).unwrap());
scripts!(plain, Addr<Probe>, |_, probe| probe.start());

macro_rules! same {
    ($($script:ident,)*) => {$(
        #[test]
        fn $script() {
            let (mut theirs, mut our) = (Vec::new(), Vec::new());
            paused(async |node| {
                let log = Log::default();
                plain::$script(&node, &log).await;
                settle().await;
                theirs = log.all();
            });
            paused(async |node| {
                let log = Log::default();
                ours::$script(&node, &log).await;
                settle().await;
                our = log.all();
            });
            assert!(theirs.len() > 1, "{theirs:?}");
            assert_eq!(our, theirs, "ours, and actix's");
        }
    )*};
}

same! {
    waits_in_order,
    nested_waits,
    wait_in_started,
    wait_by_a_future,
    spawn_order,
    cancel_at_once,
    cancel_in_started,
    cancel_by_another,
    cancel_itself,
    notify,
    timers,
    interval,
    interval_behind_a_wait,
    streams,
    stream_that_waits,
    stream_that_stops,
    message_stream,
    sink,
    stop_in_started,
    stop_in_a_handler,
    stop_in_a_future,
    stop_in_a_wait,
    terminate,
    terminate_in_started,
    stopping_says_continue_once,
    stopped_sees_the_state,
    nobody_holds_it,
    nobody_holds_it_but_it_has_work,
    nobody_holds_it_and_it_wants_to_stay,
    addresses,
    address_of_the_stopped,
    atomic_responses,
    responses_beside,
    messages_before_futures,
    hooks_that_act,
    detached,
}

// ---- departures on purpose -----------------------------------------------------

/// actix serves its mailbox until it is empty; ours gives way after 256 messages.
#[test]
fn departure_a_budget_of_256_messages_a_turn() {
    use common::ours::{Probe, Say, act};
    paused(async |node| {
        let log = Log::default();
        let actor = spawn(&node, "a", Probe::new(&log)).unwrap();
        actor
            .ask(act(|act, ctx| {
                ctx.run_later(secs(1), |act, _| act.log.add("timer"));
                act.log.add("handler");
            }))
            .await
            .unwrap();
        (0..1_000).for_each(|_| actor.try_tell(Say("x")).unwrap());
        let seen = tokio::task::spawn_local({
            let log = log.clone();
            async move { log.count("x") }
        });
        assert_eq!(seen.await.unwrap(), 256);
    });
}

/// actix runs the stopping hooks of an actor that panicked; ours does not.
#[test]
fn departure_no_hooks_after_a_panic() {
    let (theirs, our) = (Log::default(), Log::default());
    paused(async |_| {
        use common::plain::{Probe, act};
        let actor = Probe::new(&theirs).start();
        actor.try_send(act(|_, _| panic!("crash"))).unwrap();
        settle().await;
    });
    paused(async |node| {
        use common::ours::{Probe, act};
        let actor = spawn(&node, "a", Probe::new(&our)).unwrap();
        actor.try_tell(act(|_, _| panic!("crash"))).unwrap();
        settle().await;
    });
    assert_eq!(theirs.all(), ["started", "stopping", "stopped"]);
    assert_eq!(our.all(), ["started"]);
}

/// An actor with a detached response at work stays until it is done, and a panic
/// there ends it. In actix neither is so.
#[test]
fn departure_a_detached_response_belongs_to_its_actor() {
    let (theirs, our) = (Log::default(), Log::default());
    paused(async |_| {
        use common::plain::{Probe, away};
        let actor = Probe::new(&theirs).start();
        actor.try_send(away(|_, _| Box::pin(std::future::pending()))).unwrap();
        drop(actor);
        settle().await;
    });
    paused(async |node| {
        use common::ours::{Probe, away};
        let actor = spawn(&node, "a", Probe::new(&our)).unwrap();
        actor.try_tell(away(|_, _| Box::pin(std::future::pending()))).unwrap();
        drop(actor);
        settle().await;
    });
    assert_eq!(theirs.all(), ["started", "stopping", "stopped"]);
    assert_eq!(our.all(), ["started"]);
}

/// When its thread ends, actix runs the hooks of an actor that is dropped with it;
/// ours ends with `ArbiterLost`, and no user code runs on a thread that goes away.
#[test]
fn departure_no_hooks_when_the_arbiter_ends() {
    let (theirs, our) = (Log::default(), Log::default());
    paused(async |_| {
        let actor = common::plain::Probe::new(&theirs).start();
        settle().await;
        std::mem::forget(actor);
    });
    paused(async |node| {
        let actor = spawn(&node, "a", common::ours::Probe::new(&our)).unwrap();
        settle().await;
        std::mem::forget(actor);
    });
    assert_eq!(theirs.all(), ["started", "stopping", "stopped"]);
    assert_eq!(our.all(), ["started"]);
}
