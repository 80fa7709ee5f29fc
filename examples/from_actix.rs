//! From actix, with one changed line: what the kernel can see of an actor before and after.
//!
//! ```text
//! /root/before  mailbox unknown      handled unknown
//! /root/after   mailbox 0 of 1024    handled 3 (2 Deposit, 1 Withdraw)
//! ```
#![allow(clippy::print_stdout, reason = "an example")]
use std::time::Duration;

use actix::prelude::*;
use ms_framework::actor::AnyRef;
use ms_framework::core::view::Tier;
use ms_framework::prelude::{
    ChildSpec, ControlEndpoint, Outcome, RunConfig, RunError, SupervisorSpec, run_with,
};

#[derive(Default)]
struct Before(i64);

impl Actor for Before {
    type Context = Context<Self>;
}

#[derive(Default)]
struct After(i64);

impl Actor for After {
    type Context = ms_framework::prelude::Context<Self>; // the one line
}

#[derive(Message)]
#[rtype(result = "i64")]
struct Deposit(i64);

#[derive(Message)]
#[rtype(result = "i64")]
struct Withdraw(i64);

macro_rules! account {
    ($actor:ty) => {
        impl Handler<Deposit> for $actor {
            type Result = i64;
            fn handle(&mut self, Deposit(n): Deposit, _: &mut Self::Context) -> i64 {
                self.0 += n;
                self.0
            }
        }
        impl Handler<Withdraw> for $actor {
            type Result = i64;
            fn handle(&mut self, Withdraw(n): Withdraw, _: &mut Self::Context) -> i64 {
                self.0 -= n;
                self.0
            }
        }
    };
}
account!(Before);
account!(After);

async fn tell_of(actor: &AnyRef) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let status = actor.ask_status(Duration::from_secs(1)).await?;
    let mailbox = match (status.mailbox.depth, status.mailbox.capacity) {
        (Some(depth), Some(capacity)) => format!("{depth} of {capacity}"),
        _ => "unknown".to_owned(),
    };
    let types = status.types.iter().map(|row| {
        format!("{} {}", row.count, row.message.rsplit("::").next().unwrap_or_default())
    });
    let handled = match status.tier {
        Tier::Actix => "unknown".to_owned(),
        _ => format!("{} ({})", status.handled, types.collect::<Vec<_>>().join(", ")),
    };
    Ok(format!("{:12}  mailbox {mailbox:11}  handled {handled}", actor.path().as_str()))
}

fn main() -> Result<Outcome, RunError> {
    let tree = SupervisorSpec::one_for_one("root")
        .child(ChildSpec::actor("before", Before::default))
        .child(ChildSpec::actor("after", After::default));
    run_with(
        RunConfig::new("from-actix").control(ControlEndpoint::Off),
        |_| tree,
        async |runtime| {
            let before = runtime.root().get::<Before>("before").await?;
            let after = runtime.root().get::<After>("after").await?;
            for n in [10, 20] {
                before.ask(Deposit(n)).await?;
                after.ask(Deposit(n)).await?;
            }
            before.ask(Withdraw(5)).await?;
            after.ask(Withdraw(5)).await?;
            println!("{}", tell_of(&before.any()).await?);
            println!("{}", tell_of(&after.any()).await?);
            Ok(())
        },
    )
}
