//! Every way user code can panic: the process, the arbiter and the neighbours live
//! on, and everybody who should know is told why, where and during what, once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dropping_copy_types,
    clippy::type_complexity,
    reason = "drop says that an answer is not looked at"
)]

use crate::common;

use std::cell::Cell;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use actix::prelude::*;
use common::{Child, Log, PAUSED_LIMIT, paused, settle, soon};
use futures_core::Stream;
use futures_util::stream;
use ms_actor::{AskError, AskFailure, Blueprint, Down, Node, Placement, StateValue};
use ms_core::view::Tier;
use ms_core::{ChildExit, ExitReason, PanicRecord};

thread_local! {
    /// Line of the panic that is to be reported.
    static LINE: Cell<u32> = const { Cell::new(0) };
}

/// Panics where it was called.
#[track_caller]
fn boom() -> ! {
    LINE.set(Location::caller().line());
    panic!("boom");
}

/// The record says what happened, and where.
fn check(reason: &ExitReason, during: &str, handling: Option<&str>) -> PanicRecord {
    let record = reason.panic().unwrap_or_else(|| panic!("no panic: {reason}")).clone();
    assert_eq!(record.message, "boom");
    let location = record.location.clone().expect("a place");
    assert!(location.file.ends_with("tests/it/panics.rs"), "{location}");
    assert_eq!(location.line, LINE.get(), "the line of the panic");
    assert_eq!(record.during, during);
    let handled = record.handling.as_deref().and_then(|name| name.rsplit("::").next());
    assert_eq!(handled, handling, "the message type");
    record
}

/// What each kind of context can say: ours (during, handling), and actix's.
type Said = (&'static str, Option<&'static str>);

struct Never;
impl Stream for Never {
    type Item = u32;
    fn poll_next(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<u32>> {
        boom()
    }
}

struct BadSink;
impl futures_util::Sink<u32> for BadSink {
    type Error = String;
    fn poll_ready(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), String>> {
        boom()
    }
    fn start_send(self: Pin<&mut Self>, _: u32) -> Result<(), String> {
        Ok(())
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

/// A sink that fails, so that the actor's error hook runs.
struct FailingSink;
impl futures_util::Sink<u32> for FailingSink {
    type Error = String;
    fn poll_ready(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), String>> {
        Poll::Pending
    }
    fn start_send(self: Pin<&mut Self>, _: u32) -> Result<(), String> {
        Ok(())
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Err("closed".to_owned()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        boom();
    }
}

macro_rules! panics {
    ($context:ident, $pick:expr) => {
        mod $context {
            use super::*;
            use common::$context::*;

            fn blueprint(make: impl Fn() -> Probe + Send + Sync + 'static) -> Blueprint {
                Blueprint::actor(make)
            }

            /// Starts an actor, makes it panic, and looks at who was told what.
            async fn crash(
                node: &Node,
                make: impl Fn() -> Probe + Send + Sync + 'static,
                provoke: impl FnOnce(&Child<Probe>),
            ) -> ChildExit {
                let neighbour =
                    Child::<Probe>::start(node, "neighbour", &blueprint(Probe::default)).await;
                let mut child = Child::<Probe>::start(node, "a", &blueprint(make)).await;
                let (first, second) = (child.cell.monitor(), child.cell.monitor());
                let pending =
                    child.actor.ask(beside(|act| Box::pin(std::future::pending().into_actor(act))));
                let pending = tokio::task::spawn_local(pending);
                settle().await;
                provoke(&child);
                let queued = tokio::task::spawn_local(child.actor.ask(Count).within(PAUSED_LIMIT));
                let exit = child.end().await;
                assert_eq!(&soon(first).await.reason, exit.reason());
                assert_eq!(&soon(second).await.reason, exit.reason());
                assert_eq!(child.cell.last_exit().as_ref(), Some(exit.reason()));
                let error = soon(pending).await.unwrap().unwrap_err();
                // A panic in a `Drop` turns a clean end into a crash after the askers were told.
                if exit.reason().panic().unwrap().during != "drop" {
                    let AskError { failure: AskFailure::Exited { reason, .. }, .. } = &error else {
                        panic!("{error:?}")
                    };
                    assert_eq!(reason, exit.reason(), "pending");
                }
                assert_eq!(neighbour.actor.ask(Count).await.unwrap(), 1, "the neighbour lives");
                drop(queued);
                exit
            }

            async fn check_crash(
                node: &Node,
                ours: Said,
                make: impl Fn() -> Probe + Send + Sync + 'static,
                provoke: impl FnOnce(&Child<Probe>),
            ) {
                let (during, handling) = $pick(ours);
                check(crash(node, make, provoke).await.reason(), during, handling);
            }

            fn tell(message: Do) -> impl FnOnce(&Child<Probe>) {
                move |child| child.actor.try_tell(message).unwrap()
            }

            macro_rules! table {
                ($name:ident, $said:expr, $message:expr) => {
                    table!($name, $said, Probe::default, tell($message));
                };
                ($name:ident, $said:expr, $make:expr, $provoke:expr) => {
                    #[test]
                    fn $name() {
                        paused(async |node| check_crash(&node, $said, $make, $provoke).await);
                    }
                };
            }

            table!(handler, ("handle", Some("Do")), act(|_, _| boom()));

            table!(act_future_at_once, ("future", Some("Beside")), Probe::default, |child| {
                let ask = child.actor.ask(beside(|act| Box::pin(async { boom() }.into_actor(act))));
                tokio::task::spawn_local(ask);
            });

            table!(
                act_future_after_an_await,
                ("future", Some("Beside")),
                Probe::default,
                |child| {
                    let ask = child.actor.ask(beside(|act| {
                        let sleep = tokio::time::sleep(Duration::from_secs(1)).into_actor(act);
                        Box::pin(sleep.map(|(), _, _| boom()))
                    }));
                    tokio::task::spawn_local(ask);
                }
            );

            table!(atomic_response, ("future", Some("Alone")), Probe::default, |child| {
                let ask = child.actor.ask(alone(|act| {
                    let sleep = tokio::time::sleep(Duration::from_secs(1)).into_actor(act);
                    Box::pin(sleep.map(|(), _, _| boom()))
                }));
                tokio::task::spawn_local(ask);
            });

            table!(
                ctx_spawn,
                ("future", Some("Do")),
                act(|act, ctx| {
                    ctx.spawn(
                        async { tokio::task::yield_now().await }
                            .into_actor(act)
                            .map(|(), _, _| boom()),
                    );
                })
            );

            table!(
                ctx_wait,
                ("future", Some("Do")),
                act(|act, ctx| {
                    ctx.wait(
                        async { tokio::task::yield_now().await }
                            .into_actor(act)
                            .map(|(), _, _| boom()),
                    );
                })
            );

            table!(
                run_later,
                ("future", Some("Do")),
                act(|_, ctx| {
                    ctx.run_later(Duration::from_secs(1), |_, _| boom());
                })
            );

            table!(
                run_interval,
                ("future", Some("Do")),
                act(|_, ctx| {
                    ctx.run_interval(Duration::from_secs(1), |act, _| {
                        act.count += 1;
                        if act.count == 3 {
                            boom();
                        }
                    });
                })
            );

            table!(notify, ("future", Some("Do")), act(|_, ctx| ctx.notify(act(|_, _| boom()))));

            table!(
                notify_later,
                ("future", Some("Do")),
                act(|_, ctx| {
                    ctx.notify_later(act(|_, _| boom()), Duration::from_secs(1));
                })
            );

            table!(
                stream_item,
                ("future", Some("Do")),
                act(|act, ctx| {
                    act.item = Some(Box::new(|_, _, item| {
                        if item == 2 {
                            boom()
                        }
                    }));
                    Probe::add_stream(stream::iter([1_u32, 2, 3]), ctx);
                })
            );

            table!(
                stream_started,
                ("future", Some("Do")),
                act(|act, ctx| {
                    act.stream_started = Some(Box::new(|_, _| boom()));
                    Probe::add_stream(stream::iter([1_u32]), ctx);
                })
            );

            table!(
                stream_finished,
                ("future", Some("Do")),
                act(|act, ctx| {
                    act.stream_finished = Some(Box::new(|_, _| boom()));
                    Probe::add_stream(stream::iter([1_u32]), ctx);
                })
            );

            table!(
                stream_itself,
                ("future", Some("Do")),
                act(|_, ctx| drop(Probe::add_stream(Never, ctx)))
            );

            table!(
                message_stream,
                ("future", Some("Do")),
                act(|_, ctx| {
                    ctx.add_message_stream(stream::iter([act(|_, _| ()), act(|_, _| boom())]));
                })
            );

            table!(
                sink,
                ("future", Some("Do")),
                act(|_, ctx| {
                    drop(actix::io::SinkWrite::new(BadSink, ctx).write(1));
                })
            );

            table!(
                sink_error,
                ("future", Some("Do")),
                act(|act, ctx| {
                    act.sink_error = Some(Box::new(|_, _| boom()));
                    drop(actix::io::SinkWrite::new(FailingSink, ctx).write(1));
                })
            );

            table!(
                stopping,
                ("stopping", None),
                || Probe::default().stopping(|_, _| boom()),
                tell(act(|_, ctx| ctx.stop()))
            );

            table!(
                stopped,
                ("stopped", None),
                || Probe::default().stopped(|_, _| boom()),
                tell(act(|_, ctx| ctx.stop()))
            );

            table!(
                stopped_after_terminate,
                ("stopped", None),
                || Probe::default().stopped(|_, _| boom()),
                tell(act(|_, ctx| ctx.terminate()))
            );

            table!(
                stopping_when_ordered_to,
                ("stopping", None),
                || Probe::default().stopping(|_, _| boom()),
                |child| {
                    child.cell.stop(ExitReason::Shutdown);
                }
            );

            /// Already unwinding, the hooks must not run: they would abort the process.
            #[test]
            fn hooks_do_not_run_after_a_panic() {
                paused(async |node| {
                    let log = Log::default();
                    let make = {
                        let log = log.clone();
                        move || {
                            let second =
                                |_: &mut Probe, _: &mut Ctx| -> Running { panic!("second") };
                            Probe::new(&log).stopping(second).stopped(|_, _| panic!("third"))
                        }
                    };
                    check_crash(&node, ("handle", Some("Do")), make, tell(act(|_, _| boom())))
                        .await;
                    assert_eq!(log.all(), ["started"]);
                });
            }

            #[test]
            fn drop_of_the_actor_after_a_normal_stop() {
                paused(async |node| {
                    let make = || Probe::default().dropped(|| boom());
                    let exit = crash(&node, make, tell(act(|_, ctx| ctx.stop()))).await;
                    check(exit.reason(), "drop", None);
                });
            }

            #[test]
            fn drop_of_the_actor_after_a_panic() {
                paused(async |node| {
                    let make = || Probe::default().dropped(|| panic!("second"));
                    check_crash(&node, ("handle", Some("Do")), make, tell(act(|_, _| boom())))
                        .await;
                });
            }

            #[test]
            fn drop_of_a_spawned_future_after_a_stop() {
                paused(async |node| {
                    let hold = act(|act, ctx| {
                        let bomb = Bomb;
                        let hold = async move {
                            let _bomb = bomb;
                            std::future::pending::<()>().await;
                        };
                        ctx.spawn(hold.into_actor(act));
                        ctx.run_later(Duration::from_secs(1), |_, ctx| ctx.stop());
                    });
                    check(crash(&node, Probe::default, tell(hold)).await.reason(), "drop", None);
                });
            }

            #[test]
            fn started() {
                paused(async |node| {
                    let blueprint = blueprint(|| {
                        Probe::default().started(|_, _| boom()).stopped(|_, _| panic!("2"))
                    });
                    let mut child = Child::<Probe>::new(&node, "a", &blueprint);
                    let queued = tokio::task::spawn_local(child.actor.ask(Count));
                    child.cell.launch(Placement::Pool);
                    let monitor = child.cell.monitor();
                    let reason = child.failed().await;
                    assert!(matches!(reason, ExitReason::InitFailed(_)), "{reason}");
                    check(&reason, "started", None);
                    assert_eq!(soon(monitor).await.reason, reason);
                    drop(queued);
                });
            }

            #[test]
            fn factory() {
                paused(async |node| {
                    let mut child = Child::<Probe>::new(&node, "a", &blueprint(|| boom()));
                    child.cell.launch(Placement::Pool);
                    let reason = child.failed().await;
                    check(&reason, "factory", None);
                    assert!(!child.cell.is_alive());
                });
            }

            #[test]
            fn payload_that_panics_when_dropped() {
                struct Payload;
                impl Drop for Payload {
                    fn drop(&mut self) {
                        panic!("in the payload's drop");
                    }
                }
                paused(async |node| {
                    let provoke = tell(act(|_, _| std::panic::panic_any(Payload)));
                    let reason = crash(&node, Probe::default, provoke).await.into_reason();
                    assert_eq!(reason.panic().unwrap().message, "<payload of an unknown type>");
                });
            }

            /// A panic that user code caught itself is not mistaken for a later one.
            #[test]
            fn a_panic_raised_anew_after_another_was_caught() {
                paused(async |node| {
                    let provoke = tell(act(|_, _| {
                        drop(std::panic::catch_unwind(|| panic!("caught by the user")));
                        std::panic::resume_unwind(Box::new("raised anew"));
                    }));
                    let reason = crash(&node, Probe::default, provoke).await.into_reason();
                    let record = reason.panic().unwrap();
                    assert_eq!((record.message.as_str(), &record.location), ("raised anew", &None));
                });
            }

            #[test]
            fn with_a_mutex_held() {
                paused(async |node| {
                    let shared = Arc::new(Mutex::new(0));
                    let held = Arc::clone(&shared);
                    let provoke = tell(act(move |_, _| {
                        let _guard = held.lock().unwrap();
                        boom()
                    }));
                    check_crash(&node, ("handle", Some("Do")), Probe::default, provoke).await;
                    assert!(shared.is_poisoned(), "std's own rule stays");
                });
            }

            #[test]
            fn drop_of_messages_that_wait() {
                paused(async |node| {
                    let mut child =
                        Child::<Probe>::start(&node, "a", &blueprint(Probe::default)).await;
                    let bomb = Bomb;
                    child.actor.try_tell(act(|_, _| panic!("first"))).unwrap();
                    // Two in actix's own mailbox would abort: it drops the rest while it unwinds.
                    let more = (stringify!($context) == "ours").then(|| Bomb);
                    for bomb in [Some(bomb), more] {
                        child.actor.try_tell(act(move |_, _| drop(bomb))).unwrap();
                    }
                    let exit = child.end().await;
                    assert_eq!(exit.reason().panic().unwrap().message, "first");
                    child.launch().await;
                    assert_eq!(child.actor.ask(Count).await.unwrap(), 1);
                });
            }
        }
    };
}

panics!(ours, |said: Said| said);
panics!(plain, |_: Said| ("actix future", None));

mod only_ours {
    use super::*;
    use common::ours::{Count, Either, Probe, act, away};
    /// Runs `provoke` on an actor of ours and gives its end and the answer to its ask.
    async fn crash_ours(child: &mut Child<Probe>) -> ExitReason {
        child.end().await.into_reason()
    }

    #[test]
    fn detached_response() {
        paused(async |node| {
            let mut child =
                Child::<Probe>::start(&node, "a", &common::probes(&Log::default())).await;
            let ask = child.actor.ask(away(|_, _| {
                Box::pin(async {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    boom()
                })
            }));
            let error = ask.await.unwrap_err();
            let reason = crash_ours(&mut child).await;
            check(&reason, "detached response", Some("Away"));
            assert_eq!(error.exit_reason(), Some(&reason));
        });
    }

    #[test]
    fn detached_response_reported() {
        paused(async |node| {
            let mut child =
                Child::<Probe>::start(&node, "a", &common::probes(&Log::default())).await;
            child.actor.try_tell(away(|_, _| Box::pin(async { boom() }))).unwrap();
            check(&crash_ours(&mut child).await, "detached response", Some("Away"));
        });
    }

    /// It panics while its actor waits for something else, before anybody looked at it.
    #[test]
    fn detached_response_beside_a_wait() {
        paused(async |node| {
            let mut child =
                Child::<Probe>::start(&node, "a", &common::probes(&Log::default())).await;
            let message = away(|act, ctx| {
                ctx.wait(tokio::time::sleep(Duration::from_secs(1)).into_actor(act));
                Box::pin(async { boom() })
            });
            let error = child.actor.ask(message).await.unwrap_err();
            let reason = crash_ours(&mut child).await;
            check(&reason, "detached response", Some("Away"));
            assert_eq!(error.exit_reason(), Some(&reason));
        });
    }

    #[test]
    fn detached_response_in_actix_other_wrapping() {
        paused(async |node| {
            let mut child =
                Child::<Probe>::start(&node, "a", &common::probes(&Log::default())).await;
            assert_eq!(child.actor.ask(Either(Some(3))).await.unwrap(), 3);
            let error = child.actor.ask(Either(None)).await.unwrap_err();
            let reason = crash_ours(&mut child).await;
            let record = reason.panic().unwrap();
            assert_eq!(
                (record.message.as_str(), record.during.as_str()),
                ("away in a response", "detached response")
            );
            assert_eq!(error.exit_reason(), Some(&reason));
        });
    }

    /// Tier 2 keeps actix's rule: nobody hears of it, the actor lives (fact 5).
    #[test]
    fn detached_response_of_tier_two() {
        use common::plain;
        paused(async |node| {
            let mut child =
                Child::<plain::Probe>::start(&node, "a", &Blueprint::actor(plain::Probe::default))
                    .await;
            let ask = child.actor.ask(plain::away(|_, _| Box::pin(async { panic!("unheard") })));
            let error = ask.await.unwrap_err();
            assert!(matches!(error.failure, AskFailure::NoReply { .. }), "{error:?}");
            assert_eq!(child.actor.ask(plain::Count).await.unwrap(), 1);
            child.quiet();
        });
    }

    #[test]
    fn state_view() {
        paused(async |node| {
            let view: fn(&Probe) -> StateValue = |_| boom();
            let blueprint =
                Blueprint::with_view(|_| Ok(Probe::default()), Tier::Kernel, Some(view));
            let mut child = Child::<Probe>::start(&node, "a", &blueprint).await;
            let error = child.cell.state(PAUSED_LIMIT).await.unwrap_err();
            let reason = crash_ours(&mut child).await;
            check(&reason, "state view", None);
            assert!(matches!(error, ms_actor::DebugError::NotRunning { .. }), "{error:?}");
        });
    }

    #[test]
    fn trap_handler() {
        paused(async |node| {
            let mut child =
                Child::<Probe>::start(&node, "a", &common::probes(&Log::default())).await;
            child.actor.ask(act(|_, ctx| ctx.trap_exit(|_, _, _| boom()))).await.unwrap();
            child.cell.exit(ExitReason::Shutdown);
            check(&crash_ours(&mut child).await, "trap", None);
        });
    }

    #[test]
    fn down_handler() {
        paused(async |node| {
            let mut child =
                Child::<Probe>::start(&node, "a", &common::probes(&Log::default())).await;
            let mut other =
                Child::<Probe>::start(&node, "b", &common::probes(&Log::default())).await;
            let cell = other.cell.clone();
            child.actor.ask(act(move |_, ctx| drop(ctx.monitor(&cell)))).await.unwrap();
            other.cell.stop(ExitReason::Shutdown);
            other.end().await;
            let reason = crash_ours(&mut child).await;
            let record = reason.panic().unwrap();
            assert_eq!(
                (record.during.as_str(), record.handling.as_deref()),
                ("handle", Some(std::any::type_name::<Down>()))
            );
        });
    }

    /// A timer knows the message it came from, not the one handled last.
    #[test]
    fn a_future_is_reported_with_its_own_origin() {
        paused(async |node| {
            let blueprint = common::made(|| {
                Probe::default().started(|_, ctx| {
                    ctx.run_later(Duration::from_secs(1), |act, ctx| {
                        ctx.spawn(async {}.into_actor(act).map(|(), _, _| boom()));
                    });
                })
            });
            let mut child = Child::<Probe>::start(&node, "a", &blueprint).await;
            child.actor.ask(Count).await.unwrap();
            check(&crash_ours(&mut child).await, "future", None);
        });
    }

    /// On another thread than the test: the arbiter goes on.
    /// S2.4-02
    #[test]
    fn the_arbiter_lives_on() {
        common::threads(1, async |node| {
            let mut child =
                Child::<Probe>::start(&node, "a", &common::probes(&Log::default())).await;
            for _ in 0..50 {
                let asked = child.actor.ask(act(|_, _| panic!("again"))).await;
                let exit = child.end().await;
                assert_eq!(asked.unwrap_err().exit_reason(), Some(exit.reason()));
                child.launch().await;
            }
            assert_eq!(child.actor.ask(Count).await.unwrap(), 1);
            assert_eq!(node.arbiter_count(), 2);
        });
    }
}
