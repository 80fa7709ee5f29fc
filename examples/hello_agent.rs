//! An agent, a supervisor, a crash, and life after it.
//!
//! ```text
//! hello, Ada (number 1)
//! /root/greeter ended before it answered: panic "nobody to greet" at examples/hello_agent.rs:0:0 while handling hello_agent::Greet
//! hello, Grace (number 1)
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use actix::Message;
use ms_framework::prelude::*;

#[derive(Message)]
#[rtype(result = "String")]
struct Greet(&'static str);

struct Greeter(u32);

impl Agent for Greeter {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Greeter(0))
    }
}

impl Handles<Greet> for Greeter {
    async fn on(&mut self, Greet(name): Greet, _: &mut Cx<Self>) -> String {
        assert!(!name.is_empty(), "nobody to greet");
        self.0 += 1;
        format!("hello, {name} (number {})", self.0)
    }
}

fn main() -> Result<Outcome, RunError> {
    let tree =
        SupervisorSpec::one_for_one("root").child(ChildSpec::agent::<Greeter>("greeter", ()));
    let config = RunConfig::new("hello").control(ControlEndpoint::Off).quiet_panics();
    run_with(
        config,
        |_| tree,
        async |runtime| {
            let greeter = runtime.root().get_agent::<Greeter>("greeter").await?;
            for name in ["Ada", "", "Grace"] {
                match greeter.ask(Greet(name)).await {
                    Ok(greeting) => println!("{greeting}"),
                    Err(crash) => println!("{crash}"),
                }
            }
            Ok(())
        },
    )
}
