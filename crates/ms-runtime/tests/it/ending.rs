//! How a node ends: by itself, when told, by force, when its root gives up; and its exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use crate::common;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use common::{Add, Block, Counter, SECOND};
use ms_actor::Placement;
use ms_core::{AutoShutdown, ExitReason, Restart, Shutdown};
use ms_runtime::{ControlEndpoint, RunConfig, RunEnd, RunError, Runtime, run, run_with};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_testkit::child::{self, OwnTest};

fn config() -> RunConfig {
    RunConfig::new("test").arbiters(1).quiet_panics().control(ControlEndpoint::Off)
}

/// Says its name when it stops in order.
struct Farewell(&'static str, mpsc::Sender<&'static str>);

impl Actor for Farewell {
    type Context = ms_actor::Context<Self>;
    fn stopped(&mut self, _: &mut Self::Context) {
        self.1.send(self.0).expect("heard");
    }
}

/// S7.1-05
#[test]
fn a_root_that_gives_up_stops_its_children_in_reverse_and_exits_with_102() {
    let (tell, told) = mpsc::channel();
    let farewell = |name: &'static str| {
        let tell = tell.clone();
        ChildSpec::actor(name, move || Farewell(name, tell.clone()))
    };
    let tree = SupervisorSpec::one_for_one("root")
        .intensity(1, 5 * SECOND)
        .child(farewell("first"))
        .child(ChildSpec::actor("bad", || Counter(0)))
        .child(farewell("last"));
    drop(tell);
    let ended = run_with(
        config(),
        move |_| tree,
        async |runtime| {
            let bad = runtime.root().get::<Counter>("bad").await?;
            loop {
                // Its answer is a crash each time.
                drop(bad.ask(Add(13)).await);
            }
        },
    );
    let ended = ended.expect("runs");
    assert_eq!((ended.end, ended.code(), ended.stuck_threads), (RunEnd::GaveUp, 102, 0));
    assert_eq!(told.iter().collect::<Vec<_>>(), ["last", "first"]);
}

#[test]
fn the_end_of_the_main_future_stops_the_tree_in_order() {
    let tree =
        || SupervisorSpec::one_for_one("root").child(ChildSpec::actor("counter", || Counter(0)));
    let ended = run_with(
        config(),
        move |_| tree(),
        async |runtime| {
            let counter = runtime.root().get::<Counter>("counter").await?;
            assert_eq!(counter.ask(Add(2)).await?, 2);
            Ok(())
        },
    );
    let ended = ended.expect("runs");
    assert_eq!((ended.end, ended.code(), ended.reason), (RunEnd::Stopped, 0, ExitReason::Shutdown));
    let failed = run_with(config(), move |_| tree(), async |_| Err("no luck".into()));
    let error = failed.expect_err("failed");
    assert_eq!(
        (error.code(), format!("{error:?}").as_str()),
        (1, "the program's main future failed: no luck")
    );
    let panicked = run_with(config(), move |_| tree(), async |_| panic!("oops"));
    assert!(matches!(panicked, Err(RunError::Panicked)));
}

#[test]
fn a_tree_whose_work_is_done_ends_with_0() {
    let done = ChildSpec::task("job", || async { Ok::<(), std::io::Error>(()) });
    let tree = SupervisorSpec::one_for_one("root")
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(done.restart(Restart::Transient).significant(true));
    let ended = run(config(), move |_| tree).expect("runs");
    assert_eq!((ended.end, ended.code()), (RunEnd::Completed, 0));
}

#[test]
fn what_does_not_start_is_undone_and_has_its_code() {
    let bad = ChildSpec::task("x", || async { Ok::<(), std::io::Error>(()) }).significant(true);
    let invalid = run(config(), |_| SupervisorSpec::one_for_one("root").child(bad));
    assert_eq!(invalid.expect_err("invalid").code(), 8);
    let refuses =
        ChildSpec::try_actor::<Counter>("x", |_| Err(std::io::Error::other("no disk").into()));
    let (tell, told) = mpsc::channel();
    let first = ChildSpec::actor("first", move || Farewell("first", tell.clone()));
    let tree = SupervisorSpec::one_for_one("root").child(first).child(refuses);
    let error = run(config(), |_| tree).expect_err("does not start");
    assert_eq!(error.code(), 4);
    assert!(error.to_string().contains("no disk"), "{error}");
    assert_eq!(told.iter().collect::<Vec<_>>(), ["first"]);
    let over = run(config().arbiters(100_000), |_| SupervisorSpec::one_for_one("root"));
    assert_eq!(over.expect_err("too many").code(), 8);
    let place = ControlEndpoint::Path("/nowhere/at/all.sock".into());
    let error = run(config().control(place), |_| SupervisorSpec::one_for_one("root"))
        .expect_err("no place");
    assert_eq!(error.code(), 5);
    assert!(format!("{error:?}").contains("/nowhere/at/all.sock"), "{error:?}");
}

#[test]
fn what_does_not_stop_in_time_is_killed() {
    System::new().block_on(async {
        let stubborn = ChildSpec::actor("stubborn", || Counter(0))
            .placement(Placement::Dedicated)
            .shutdown(Shutdown::Infinity);
        let runtime =
            Runtime::start(config(), |_| SupervisorSpec::one_for_one("root").child(stubborn)).await;
        let runtime = runtime.expect("starts");
        let stubborn = runtime.root().get::<Counter>("stubborn").await.expect("there");
        stubborn.try_tell(Block(3_600 * SECOND)).expect("sent");
        // Once it is at it: a stop overtakes what waits.
        common::until(|| async { stubborn.any().status().handled == 1 }).await;
        let ended = runtime.stop(SECOND / 2).await;
        assert_eq!((ended.end, ended.code(), ended.stuck_threads), (RunEnd::Forced, 1, 1));
    });
}

/// The child's part of the tests below.
fn run_node(mode: &str) {
    let mode = mode.to_owned();
    let placement = if mode == "wedged" { Placement::Control } else { Placement::Dedicated };
    let busy =
        ChildSpec::actor("busy", || Counter(0)).placement(placement).shutdown(Shutdown::Infinity);
    // Nothing but a second signal ends those that block: not the end of their time.
    let within = if mode == "idle" { 60 * SECOND } else { Duration::MAX };
    let config = config().stop_within(within);
    let ended = run_with(
        config,
        |_| SupervisorSpec::one_for_one("root").child(busy),
        async move |runtime| {
            let busy = runtime.root().get::<Counter>("busy").await?;
            println!("\nready");
            if !["idle", "endless"].contains(&mode.as_str()) {
                busy.try_tell(Block(3_600 * SECOND))?;
            }
            std::future::pending().await
        },
    );
    #[allow(clippy::disallowed_methods, reason = "the main of a child process")]
    std::process::exit(ended.map_or_else(|error| error.code(), |ended| ended.code()).into());
}

/// A child of which a line has been read.
struct Process(Child, Lines<BufReader<ChildStdout>>);

impl Process {
    fn start(own: &OwnTest, mode: &str) -> Self {
        let piped = own.child(mode).with(|command| {
            command.stdout(Stdio::piped());
        });
        let mut child = piped.spawn();
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut process = Self(child, lines);
        process.says("ready");
        process
    }

    fn says(&mut self, word: &str) {
        assert!(self.1.by_ref().any(|line| line.expect("text") == word), "no {word}");
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([format!("-{name}"), self.0.id().to_string()]);
        assert!(kill.status().expect("kill runs").success());
    }

    fn code(&mut self) -> Option<i32> {
        self.0.wait().expect("ends").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[allow(clippy::disallowed_methods, reason = "no arbiter here")]
fn pause() {
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn a_first_signal_stops_in_order() {
    child::split(a_first_signal_stops_in_order, run_node, |own| {
        for name in ["TERM", "INT"] {
            let mut process = Process::start(own, "idle");
            process.signal(name);
            assert_eq!(process.code(), Some(0), "{name}");
        }
    });
}

/// A stop that may take for ever is one without a limit, not the end of the process.
#[test]
fn x33_a_stop_without_a_limit_is_an_orderly_one() {
    child::split(x33_a_stop_without_a_limit_is_an_orderly_one, run_node, |own| {
        let mut process = Process::start(own, "endless");
        process.signal("TERM");
        assert_eq!(process.code(), Some(0));
    });
}

#[test]
fn a_second_signal_kills() {
    child::split(a_second_signal_kills, run_node, |own| {
        for mode in ["stubborn", "wedged"] {
            let mut process = Process::start(own, mode);
            process.says("blocks");
            process.signal("TERM");
            pause();
            assert!(process.0.try_wait().expect("known").is_none(), "{mode}: it still tries");
            // Two that come before the first is taken are one.
            let until = Instant::now() + 60 * SECOND;
            while process.0.try_wait().expect("known").is_none() {
                assert!(Instant::now() < until, "{mode}: it does not end");
                process.signal("TERM");
                pause();
            }
            assert_eq!(process.code(), Some(1), "{mode}");
        }
    });
}
