//! A supervisor over its restart budget gives up, and the one above it decides:
//! here it starts the whole branch anew.
//!
//! ```text
//! crash 1: flaky is #2, steady is #1, their supervisor is #1
//! crash 2: flaky is #3, steady is #2, their supervisor is #2
//! what the node has on record:
//!   /root/branch/flaky panicked: restarted
//!   /root/branch/flaky panicked: gave_up
//!   /root/branch gives up
//!   /root/branch ended with shutdown: restarted
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use std::time::Duration;

use actix::prelude::*;
use ms_framework::core::view::{Decision, EventKind};
use ms_framework::prelude::{
    ChildSpec, ControlEndpoint, Outcome, RunConfig, RunError, SupervisorSpec, run_with,
};

struct Worker;

impl Actor for Worker {
    type Context = ms_framework::prelude::Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Work {
    crash: bool,
}

impl Handler<Work> for Worker {
    type Result = ();
    fn handle(&mut self, work: Work, _: &mut Self::Context) {
        assert!(!work.crash, "crash on request");
    }
}

const fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Restarted => "restarted",
        Decision::GaveUp => "gave_up",
        _ => "something else",
    }
}

fn main() -> Result<Outcome, RunError> {
    let minute = Duration::from_secs(60);
    let branch = SupervisorSpec::one_for_one("branch")
        .intensity(1, minute) // one restart a minute; the second crash is one too many
        .child(ChildSpec::actor("flaky", || Worker))
        .child(ChildSpec::actor("steady", || Worker));
    let tree = SupervisorSpec::one_for_one("root")
        .intensity(3, minute)
        .child(ChildSpec::supervisor(branch));
    let config = RunConfig::new("escalation").control(ControlEndpoint::Off).quiet_panics();
    run_with(
        config,
        |_| tree,
        async |runtime| {
            let branch = runtime.root().supervisor("branch").await?;
            let flaky = branch.get::<Worker>("flaky").await?;
            let steady = branch.get::<Worker>("steady").await?;
            for crash in 1..=2 {
                drop(flaky.ask(Work { crash: true }).await);
                // References outlive the restarts; these wait for the next incarnations.
                flaky.ask(Work { crash: false }).await?;
                steady.ask(Work { crash: false }).await?;
                let number = |actor: ms_framework::actor::AnyRef| actor.incarnation();
                println!(
                    "crash {crash}: flaky is {}, steady is {}, their supervisor is {}",
                    number(flaky.any()),
                    number(steady.any()),
                    number(branch.any())
                );
            }
            println!("what the node has on record:");
            for event in runtime.node().events().kept() {
                match event.kind {
                    EventKind::Decided { why } => match why.reason.panic() {
                        Some(_) => println!("  {} panicked: {}", why.path, word(why.decision)),
                        None => println!(
                            "  {} ended with {}: {}",
                            why.path,
                            why.reason,
                            word(why.decision)
                        ),
                    },
                    EventKind::Escalated { path, .. } => println!("  {path} gives up"),
                    _ => {}
                }
            }
            Ok(())
        },
    )
}
