//! RELIABILITY 59: a process that is stopped for longer than its leases and heartbeats, and goes
//! on. Monotonic time has passed for it, and nothing in it ran.
//!
//! The test runs itself as a child process, sends it SIGSTOP and SIGCONT, and reads what it says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(clippy::print_stdout, reason = "the words of the child process")]

use crate::common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use actix::{Message, System};
use common::{Order, SOON, order, start};
use ms_actor::{Node, NodeConfig};
use ms_core::task::TaskState;
use ms_core::view::EventKind;
use ms_supervisor::{ChildSpec, Heartbeat, SupervisorSpec, start_root};
use ms_testkit::child::{self, OwnTest};
use ms_worker::{Agent, AgentSpec, Cx, GetAgent, Handles, InitError};

const DIR: &str = "MS_SUSPEND_TEST_DIR";
/// Leases, heartbeats and the patience of the watchdog.
const SHORT: Duration = Duration::from_millis(900);
/// What the process sleeps through.
const LONG: Duration = Duration::from_secs(4);

/// An agent that is at one message all the time, at an await.
struct Patient;

impl Agent for Patient {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self)
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct WaitFor(Duration);

impl Handles<WaitFor> for Patient {
    async fn on(&mut self, WaitFor(time): WaitFor, cx: &mut Cx<Self>) {
        let until = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(SHORT / 9).await;
            cx.heartbeat();
        }
    }
}

fn say(line: &str) {
    println!("\n@{line}");
}

/// The child's part.
fn live_on() {
    let dir = std::env::var_os(DIR).expect("handed over");
    System::new().block_on(async {
        let config = NodeConfig { arbiters: 2, wedged_after: Some(SHORT), ..NodeConfig::default() };
        let node = Node::boot(config).expect("boots");
        live(&node, Path::new(&dir)).await;
        node.halt(Duration::from_secs(5));
    });
}

async fn live(node: &Node, dir: &Path) {
    let fleet = start(node, dir, 1, vec![], |tasks| tasks.lease(SHORT)).await;
    let beat = Heartbeat { every: SHORT / 3, missed: 3 };
    let patient = ChildSpec::agent::<Patient>("patient", ()).heartbeat(beat);
    let watched = SupervisorSpec::one_for_one("watched").child(patient);
    let watched = start_root(node, watched).await.expect("starts");
    let patient = watched.get_agent::<Patient>("patient").await.expect("there");
    let waits = patient.ask(WaitFor(LONG + SHORT)).within(SOON);
    let waits = tokio::task::spawn_local(waits);
    // Longer than its lease: it is kept while the process runs.
    let id =
        fleet.submit(order(&Order::Sleep(2 * u64::try_from(SHORT.as_millis()).unwrap()))).await;
    fleet.reaches(id, TaskState::Running).await;
    say("ready");
    let view = fleet.ended(id).await;
    say(&format!("task {} attempts {}", view.state, view.attempts));
    let answered = waits.await.expect("not dropped").is_ok();
    say(&format!("patient {answered} {}", patient.any().incarnation()));
    let events = node.events().kept();
    let lost = events.iter().filter(|event| match &event.kind {
        EventKind::ArbiterWedged { .. } => true,
        EventKind::Exited { reason, .. } => !reason.is_clean(),
        _ => false,
    });
    say(&format!("lost {}", lost.count()));
    watched.stop(SOON).await;
    fleet.stop().await;
}

struct Running(Child, BufReader<ChildStdout>);

impl Running {
    fn begin(own: &OwnTest, dir: &Path) -> Self {
        let child = own.child("live").env(DIR, dir).with(|command| {
            command.stdout(Stdio::piped());
        });
        let mut child = child.spawn();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    /// What it says next.
    fn says(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.1.read_line(&mut line).unwrap() > 0, "it said no more");
            if let Some(word) = line.strip_prefix('@') {
                return word.trim().to_owned();
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([format!("-{name}"), self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The lease is renewed before anything is done under it, so the attempt goes on; nobody is taken for hung, no thread for blocked, because of time in which nothing ran.
#[test]
fn t20_after_a_suspension_the_task_goes_on_and_nobody_is_taken_for_hung() {
    child::split(
        t20_after_a_suspension_the_task_goes_on_and_nobody_is_taken_for_hung,
        |_| live_on(),
        suspend_and_resume,
    );
}

fn suspend_and_resume(own: &OwnTest) {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Running::begin(own, dir.path());
    assert_eq!(child.says(), "ready");
    child.signal("STOP");
    #[allow(clippy::disallowed_methods, reason = "the test is another process than the actors")]
    std::thread::sleep(LONG);
    child.signal("CONT");
    assert_eq!(child.says(), "task completed attempts 1");
    assert_eq!(child.says(), "patient true #1");
    assert_eq!(child.says(), "lost 0");
    assert!(child.0.wait().unwrap().success());
}
