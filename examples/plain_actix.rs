//! An unchanged actix actor under supervision: its crash is caught, explained and repaired, and
//! references to it stay valid.
//!
//! ```text
//! 2
//! 5
//! it crashed: panic "thirteen is unlucky" at examples/plain_actix.rs:0:0
//! why: #1 ended, and was restarted (1 of 3 restarts in 60 s)
//! 1
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use std::time::Duration;

use actix::prelude::*;
use ms_framework::prelude::{
    ChildSpec, ControlEndpoint, Outcome, RunConfig, RunError, SupervisorSpec, run_with,
};

// ---- plain actix, as it was before -------------------------------------------------

#[derive(Default)]
struct Counter(u32);

impl Actor for Counter {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Add(u32);

impl Handler<Add> for Counter {
    type Result = u32;

    fn handle(&mut self, Add(n): Add, _: &mut Context<Self>) -> u32 {
        assert!(n != 13, "thirteen is unlucky");
        self.0 += n;
        self.0
    }
}

// ---- and its supervisor ------------------------------------------------------------

fn main() -> Result<Outcome, RunError> {
    let tree = SupervisorSpec::one_for_one("root")
        .intensity(3, Duration::from_secs(60))
        .child(ChildSpec::actor("counter", Counter::default));
    let config = RunConfig::new("plain-actix").control(ControlEndpoint::Off).quiet_panics();
    run_with(
        config,
        |_| tree,
        async |runtime| {
            let counter = runtime.root().get::<Counter>("counter").await?;
            println!("{}", counter.ask(Add(2)).await?);
            println!("{}", counter.ask(Add(3)).await?);
            if let Some(reason) =
                counter.ask(Add(13)).await.err().as_ref().and_then(|error| error.exit_reason())
            {
                println!("it crashed: {reason}");
            }
            // The same reference: its messages wait for the new instance.
            let answer = counter.ask(Add(1)).await?;
            for why in runtime.root().why(counter.path(), 1).await? {
                let (used, budget) =
                    (why.budget_used, why.budget.map_or(0, |budget| budget.max_restarts));
                println!(
                    "why: {} ended, and was restarted ({used} of {budget} restarts in 60 s)",
                    why.incarnation
                );
            }
            println!("{answer}");
            Ok(())
        },
    )
}
