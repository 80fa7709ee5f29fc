//! What actix 0.13 does: one characterisation test for each numbered fact the kernel's
//! design rests on (`docs/`, "What actix does, and why plain actix is not enough"). When
//! one of these fails after an upgrade, actix changed: look at what the kernel does about it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dropping_copy_types,
    clippy::type_complexity,
    reason = "drop says that an answer is not looked at"
)]
#![allow(clippy::disallowed_methods, reason = "do_send and blocked threads are what is looked at")]

use crate::{child, common};

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Task, Wake, Waker};
use std::time::Duration;

use actix::prelude::*;
use common::plain::{Count, Probe, Say, act, away, beside};
use common::{Log, settle, system_paused};

fn crash() -> common::plain::Do {
    act(|_, _| panic!("crash"))
}

#[test]
fn fact01_a_panic_ends_that_actor_only_and_nobody_learns_why() {
    system_paused(async || {
        let (actor, neighbour) = (Probe::default().start(), Probe::default().start());
        let pending = tokio::task::spawn_local(
            actor.send(beside(|act| Box::pin(std::future::pending().into_actor(act)))),
        );
        settle().await;
        actor.do_send(crash());
        let queued = actor.send(Count);
        assert_eq!(pending.await.unwrap(), Err(MailboxError::Closed), "without a reason");
        assert_eq!(queued.await, Err(MailboxError::Closed));
        assert!(!actor.connected());
        assert_eq!(neighbour.send(Count).await, Ok(1));
    });
}

#[test]
fn fact02_a_supervisor_restarts_on_stop_and_terminate_never_on_a_panic() {
    #[derive(Default)]
    struct Watched(Log, u64);
    impl Actor for Watched {
        type Context = Context<Self>;
        fn started(&mut self, _: &mut Context<Self>) {
            self.1 += 1;
            self.0.add(format!("started {}", self.1));
        }
    }
    impl Supervised for Watched {}
    #[derive(Message)]
    #[rtype(result = "()")]
    enum End {
        Stop,
        Terminate,
        Panic,
    }
    impl Handler<End> for Watched {
        type Result = ();
        fn handle(&mut self, end: End, ctx: &mut Context<Self>) {
            match end {
                End::Stop => ctx.stop(),
                End::Terminate => ctx.terminate(),
                End::Panic => panic!("crash"),
            }
        }
    }
    system_paused(async || {
        let log = Log::default();
        let watched = log.clone();
        let actor = Supervisor::start(move |_| Watched(watched, 0));
        for end in [End::Stop, End::Terminate] {
            actor.do_send(end);
            settle().await;
            assert!(actor.connected());
        }
        assert_eq!(
            log.all(),
            ["started 1", "started 2", "started 3"],
            "the same instance, at once"
        );
        actor.do_send(End::Panic);
        settle().await;
        assert!(!actor.connected());
        assert_eq!(log.all().len(), 3);
    });
}

#[test]
fn fact03_a_panic_in_a_hook_while_unwinding_aborts_the_process() {
    child::split(
        fact03_a_panic_in_a_hook_while_unwinding_aborts_the_process,
        |_| {
            system_paused(async || {
                let actor = Probe::default().stopping(|_, _| panic!("second")).start();
                actor.do_send(crash());
                settle().await;
            });
        },
        |own| {
            let status = own.child("abort").output().status;
            assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(6), "{status}");
        },
    );
}

#[test]
fn fact04_aborting_the_task_is_no_kill() {
    system_paused(async || {
        // Hooks run, and one that says Continue gets what is queued handled in `Drop`.
        let log = Log::default();
        let mut asked = 0;
        let probe = Probe::new(&log).stopping(move |_, _| {
            asked += 1;
            if asked == 1 { Running::Continue } else { Running::Stop }
        });
        let context = Context::new();
        let actor = context.address();
        let task = actix_rt::spawn(context.into_future(probe));
        settle().await;
        actor.do_send(Say("queued"));
        task.abort();
        settle().await;
        assert_eq!(log.all(), ["started", "stopping", "queued"]);

        // Before its first poll it is started in order to be stopped.
        let log = Log::default();
        let context = Context::new();
        let _actor = context.address();
        actix_rt::spawn(context.into_future(Probe::new(&log))).abort();
        settle().await;
        assert_eq!(log.all(), ["started", "stopping", "stopped"]);
    });
}

#[test]
fn fact05_a_response_future_is_on_its_own() {
    system_paused(async || {
        let log = Log::default();
        let actor = Probe::new(&log).start();
        let lost = actor.send(away(|_, _| Box::pin(async { panic!("unheard") }))).await;
        assert_eq!(lost, Err(MailboxError::Closed));
        assert_eq!(actor.send(Count).await, Ok(1), "the actor lives");

        let late = log.clone();
        let answer = tokio::task::spawn_local(actor.send(away(move |_, _| {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                late.add("outlived");
                7
            })
        })));
        settle().await;
        actor.do_send(act(|_, ctx| ctx.stop()));
        assert_eq!(answer.await.unwrap(), Ok(7));
        assert_eq!(log.all(), ["started", "stopping", "stopped", "outlived"]);

        // The others do end the actor.
        let in_actor = beside(|act| Box::pin(async { panic!("crash") }.into_actor(act)));
        let spawned = act(|act, ctx| drop(ctx.spawn(async { panic!("crash") }.into_actor(act))));
        let actor = Probe::default().start();
        actor.do_send(in_actor);
        settle().await;
        assert!(!actor.connected());
        let actor = Probe::default().start();
        actor.do_send(spawned);
        settle().await;
        assert!(!actor.connected());
    });
}

#[test]
fn fact06_start_returns_before_started_ran() {
    system_paused(async || {
        let log = Log::default();
        let actor = Probe::new(&log).start();
        assert!(actor.connected() && log.all().is_empty());
        settle().await;
        assert_eq!(log.all(), ["started"]);
    });
}

#[test]
fn fact07_the_mailbox_is_bounded_in_name_only() {
    system_paused(async || {
        let mut context = Context::<Probe>::new();
        context.set_mailbox_capacity(1);
        let actor = context.address();
        (0..100_000).for_each(|_| actor.do_send(Say("x")));
        // Every clone brings a slot of its own; `send` makes one when it finds the box full.
        for _ in 0..100 {
            assert!(actor.clone().try_send(Say("x")).is_ok());
        }
        // Not tested, for it cannot be reached from here but was read in the source:
        // `MsgRequest::poll` registers no waker when that clone is refused too.
        struct Never(AtomicUsize);
        impl Wake for Never {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let waker = Waker::from(Arc::new(Never(AtomicUsize::new(0))));
        let mut asks: Vec<_> = (0..100).map(|_| Box::pin(actor.send(Count))).collect();
        for ask in &mut asks {
            assert!(ask.as_mut().poll(&mut Task::from_waker(&waker)).is_pending());
        }
        context.run(Probe::default());
        settle().await;
        for (ask, count) in asks.into_iter().zip(1..) {
            assert_eq!(ask.await, Ok(count), "all were in the box of one");
        }
    });
}

#[test]
fn fact08_the_mailbox_is_drained_before_anything_else_runs() {
    struct Busy(Arc<AtomicUsize>);
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Again;
    impl Actor for Busy {
        type Context = Context<Self>;
        fn started(&mut self, ctx: &mut Context<Self>) {
            ctx.run_later(Duration::ZERO, |act, _| {
                drop(act.0.fetch_add(1_000_000, Ordering::SeqCst))
            });
            ctx.address().do_send(Again);
        }
    }
    impl Handler<Again> for Busy {
        type Result = ();
        fn handle(&mut self, _: Again, ctx: &mut Context<Self>) {
            if self.0.fetch_add(1, Ordering::SeqCst) < 100_000 {
                ctx.address().do_send(Again);
            }
        }
    }
    system_paused(async || {
        let count = Arc::new(AtomicUsize::new(0));
        let _busy = Busy(Arc::clone(&count)).start();
        let seen = Arc::clone(&count);
        let neighbour = actix_rt::spawn(async move { seen.load(Ordering::SeqCst) });
        assert_eq!(neighbour.await.unwrap() % 1_000_000, 100_001, "in one go, without a budget");
        settle().await;
    });
}

#[test]
fn fact09_a_blocked_arbiter_stalls_all_on_it_and_nothing_else() {
    let runner = System::new();
    let (hold, gate) = std::sync::mpsc::channel::<()>();
    let blocked = runner.block_on(async move {
        let (blocked, other) = (Arbiter::new(), Arbiter::new());
        let on =
            |arbiter: &Arbiter| Actor::start_in_arbiter(&arbiter.handle(), |_| Probe::default());
        let (victim, lucky) = (on(&blocked), on(&other));
        let (tell, entered) = tokio::sync::oneshot::channel();
        on(&blocked).do_send(act(move |_, _| {
            tell.send(()).unwrap();
            drop(gate.recv());
        }));
        entered.await.unwrap();
        assert_eq!(lucky.send(Count).await, Ok(1));
        let stalled = tokio::time::timeout(Duration::from_millis(50), victim.send(Count)).await;
        assert!(stalled.is_err());
        // It cannot be stopped, only left alone.
        blocked.stop();
        other.stop();
        other.join().unwrap();
        System::current().stop();
        blocked
    });
    runner.run().unwrap();
    // The system has ended without it.
    drop(hold);
    blocked.join().unwrap();
}

#[test]
fn fact10_stopping_the_system_drains_nothing() {
    let log = Log::default();
    let shared = log.clone();
    let runner = System::new();
    let arbiter = runner.block_on(async {
        let arbiter = Arbiter::new();
        let actor = Actor::start_in_arbiter(&arbiter.handle(), move |_| Probe::new(&shared));
        let me = actor.clone();
        actor.do_send(act(move |act, ctx| {
            // Work that waits, in the mailbox and beside it, when the system is told to stop.
            me.do_send(Say("never"));
            ctx.run_later(Duration::from_secs(60), |act, _| act.log.add("never"));
            ctx.wait(tokio::time::sleep(Duration::from_secs(60)).into_actor(act));
            System::current().stop();
        }));
        arbiter
    });
    runner.run().unwrap();
    arbiter.join().unwrap();
    assert_eq!(log.all(), ["started", "stopping", "stopped"]);
}

#[test]
fn fact11_sync_arbiters_lose_threads_and_registries_keep_the_dead() {
    struct Worker;
    impl Actor for Worker {
        type Context = SyncContext<Self>;
    }
    #[derive(Message)]
    #[rtype(result = "u64")]
    struct Work(bool);
    impl Handler<Work> for Worker {
        type Result = u64;
        fn handle(&mut self, work: Work, _: &mut SyncContext<Self>) -> u64 {
            assert!(work.0, "crash");
            1
        }
    }
    #[derive(Default)]
    struct Service;
    impl Actor for Service {
        type Context = Context<Self>;
    }
    impl Supervised for Service {}
    impl SystemService for Service {}
    impl Handler<Work> for Service {
        type Result = u64;
        fn handle(&mut self, work: Work, _: &mut Context<Self>) -> u64 {
            assert!(work.0, "crash");
            1
        }
    }
    System::new().block_on(async {
        let pool = SyncArbiter::start(1, || Worker);
        assert_eq!(pool.send(Work(true)).await, Ok(1));
        assert_eq!(pool.send(Work(false)).await, Err(MailboxError::Closed));
        for _ in 0..3 {
            let answer =
                tokio::time::timeout(Duration::from_millis(100), pool.send(Work(true))).await;
            assert!(!matches!(answer, Ok(Ok(_))), "no thread is left: {answer:?}");
        }
        let service = Service::from_registry();
        assert_eq!(service.send(Work(true)).await, Ok(1));
        assert!(service.send(Work(false)).await.is_err());
        assert!(!Service::from_registry().connected(), "the dead one again");
    });
}

#[test]
fn fact12_paused_time_does_not_wait_for_other_threads() {
    system_paused(async || {
        // Alone on its thread: it goes as far as it is asked to.
        let began = tokio::time::Instant::now();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(began.elapsed().as_secs(), 3_600);
        // An answer of another thread: an hour has passed before it is there.
        let arbiter = Arbiter::new();
        let (hold, gate) = std::sync::mpsc::channel::<()>();
        let (tell, heard) = tokio::sync::oneshot::channel();
        arbiter.spawn_fn(move || {
            drop(gate.recv());
            drop(tell.send(()));
        });
        assert!(tokio::time::timeout(Duration::from_secs(3_600), heard).await.is_err());
        drop(hold);
        arbiter.stop();
        arbiter.join().unwrap();
    });
}

/// Allocations cannot be counted here: a counting allocator needs `unsafe`, which the
/// workspace forbids. Sizes can: they are why the kernel's reference is one pointer.
#[test]
fn fact13_an_address_is_three_words_and_ours_is_one() {
    let word = size_of::<usize>();
    assert_eq!(size_of::<Addr<Probe>>(), 3 * word);
    assert_eq!(size_of::<ms_actor::Ref<Probe>>(), word);
    assert_eq!(size_of::<ms_actor::Port<Count>>(), 2 * word);
}

/// Builds a program with `panic = "abort"` and runs it. This compiles the kernel's
/// dependencies once more: up to a minute on two cores the first time.
/// S2.4-02
#[test]
fn fact14_a_node_refuses_to_boot_where_panics_abort() {
    let crate_dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic-abort");
    std::fs::create_dir_all(dir.join("src")).unwrap();
    let write = |name: &str, text: String| {
        let file = dir.join(name);
        if std::fs::read_to_string(&file).ok().as_ref() != Some(&text) {
            std::fs::write(file, text).unwrap();
        }
    };
    let path = crate_dir.display();
    write(
        "Cargo.toml",
        format!(
            "[package]\nname = \"panic-abort\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
             [dependencies]\nms-actor = {{ path = {:?} }}\n\n\
             [profile.dev]\npanic = \"abort\"\ndebug = false\n\n[workspace]\n",
            path.to_string(),
        ),
    );
    let main = "fn main() {\n    let error = ms_actor::Node::boot(Default::default()).unwrap_err();\n    \
                println!(\"{error}\");\n}\n";
    write("src/main.rs", main.to_owned());
    let lock = crate_dir.join("../../Cargo.lock");
    if !dir.join("Cargo.lock").exists() && lock.exists() {
        std::fs::copy(lock, dir.join("Cargo.lock")).unwrap();
    }
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline"])
        .current_dir(&dir)
        .env("CARGO_TARGET_DIR", dir.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("set panic = \"unwind\" in its Cargo profile"), "{said}");
}

/// The cheap half of fact 14: this very program may boot, and the refusal says what to do.
#[test]
fn fact14_the_refusal_is_clear() {
    const { assert!(cfg!(panic = "unwind")) };
    let said = ms_actor::BootError::PanicAbort.to_string();
    assert!(said.contains("set panic = \"unwind\" in its Cargo profile"), "{said}");
}

/// What the tests above take for granted of their own helper.
#[test]
fn the_paused_clock_is_paused() {
    system_paused(async || {
        let began = tokio::time::Instant::now();
        // Nobody waits for this one.
        let year = Duration::from_secs(365 * 86_400);
        tokio::time::sleep(year).await;
        assert_eq!(began.elapsed().as_secs(), year.as_secs());
    });
}
