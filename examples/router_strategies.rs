//! The choice among many handlers, one result of many answers, and an input that is always checked.
//!
//! ```text
//! two of three clocks agree: 12 o'clock
//! all three agree: false
//! Emma: lent by south
//! Ulysses: north has lent it out, south never had it
//! letters to one person go to one desk: true
//! a full desk, and no other may be tried: refused
//! a full desk, and one other may be tried: taken
//! the least loaded of them: the other desk
//! 30 paid to ada; 70 left
//! not carried out: invalid input: amount: must be above 0
//! carried out, and failed: only 70 left
//! ```
#![allow(clippy::print_stdout, reason = "an example")]

use std::cell::Cell;

use actix::prelude::*;
use ms_framework::prelude::{
    ChildSpec, Context, ControlEndpoint, MailboxSpec, Outcome, Ref, Router, RouterConfig,
    RunConfig, RunError, SupervisorRef, SupervisorSpec, run_with,
};
use ms_framework::router::{
    AnyOk, Contract, ContractActor, ContractError, FailOver, Invalid, Invoke, NotOk, Quorum,
    RouteError, RouteStrategy, Validated,
};
use serde::{Deserialize, Serialize};

type Failure = Box<dyn std::error::Error + Send + Sync>;

// ---- many answers, one result ----

struct Clock(u32);

impl Actor for Clock {
    type Context = Context<Self>;
}

#[derive(Message, Clone)]
#[rtype(result = "u32")]
struct Hour;

impl Handler<Hour> for Clock {
    type Result = u32;
    fn handle(&mut self, _: Hour, _: &mut Self::Context) -> u32 {
        self.0
    }
}

async fn clocks(router: &Router, root: &SupervisorRef) -> Result<(), Failure> {
    for name in ["hall", "tower", "station"] {
        router.add_route(root.get::<Clock>(name).await?.port::<Hour>()).await?;
    }
    let hour = router.route(Hour).aggregate(Quorum::majority()).await?;
    println!("two of three clocks agree: {hour} o'clock");
    let all = router.route(Hour).aggregate(Quorum::of(3)).await;
    println!("all three agree: {}", !matches!(all, Err(RouteError::QuorumNotReached { .. })));
    Ok(())
}

/// A library with some books, and the reason for each one that it lacks.
struct Library {
    name: &'static str,
    lacks: &'static str,
    has: &'static [&'static str],
}

impl Actor for Library {
    type Context = Context<Self>;
}

#[derive(Message, Clone)]
#[rtype(result = "Result<&'static str, String>")]
struct Lend(&'static str);

impl Handler<Lend> for Library {
    type Result = Result<&'static str, String>;
    fn handle(&mut self, Lend(book): Lend, _: &mut Self::Context) -> Self::Result {
        let Self { name, lacks, has } = *self;
        if has.contains(&book) { Ok(name) } else { Err(format!("{name} {lacks}")) }
    }
}

async fn libraries(router: &Router, root: &SupervisorRef) -> Result<(), Failure> {
    for name in ["north", "south"] {
        router.add_route(root.get::<Library>(name).await?.port::<Lend>()).await?;
    }
    for book in ["Emma", "Ulysses"] {
        // The first that has it; the reasons of the others matter only when nobody has it.
        match router.route(Lend(book)).aggregate(AnyOk::new()).await? {
            Ok(library) => println!("{book}: lent by {library}"),
            Err(all) => {
                let mut reasons: Vec<_> = all
                    .into_iter()
                    .map(|one| match one {
                        NotOk::Refused(why) => why,
                        NotOk::Failed(error) => error.to_string(),
                    })
                    .collect();
                reasons.sort();
                println!("{book}: {}", reasons.join(", "));
            }
        }
    }
    Ok(())
}

// ---- one of many ----

/// A desk with room for one letter besides the one in work.
struct Desk;

impl Actor for Desk {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "String")]
struct Letter(&'static str);

impl Handler<Letter> for Desk {
    type Result = String;
    fn handle(&mut self, _: Letter, ctx: &mut Self::Context) -> String {
        ctx.path().name().to_owned()
    }
}

fn desk(name: &str) -> ChildSpec {
    ChildSpec::actor(name, || Desk).mailbox(MailboxSpec::bounded(1))
}

async fn desks(router: &Router, root: &SupervisorRef) -> Result<(), Failure> {
    let (one, two) = (root.get::<Desk>("desk-1").await?, root.get::<Desk>("desk-2").await?);
    for desk in [&one, &two] {
        router.add_route(desk.port::<Letter>()).await?;
    }
    // The same key, the same handler, for as long as that is there.
    let by_person = || RouteStrategy::consistent_hash(|letter: &Letter| letter.0);
    router.balance(by_person(), FailOver::Never).await?;
    let mut same = true;
    for person in ["ada", "grace", "edsger", "barbara"] {
        let first = ask(router, person).await?;
        same &= first == ask(router, person).await? && first == ask(router, person).await?;
    }
    println!("letters to one person go to one desk: {same}");

    let busy = if ask(router, "ada").await? == "desk-1" { one } else { two };
    // It is busy for a while: messages wait, and there is room for one.
    busy.any().suspend();
    router.send_one(Letter("ada")).map_err(|unsent| unsent.error)?;
    let again = |router: &Router| match router.send_one(Letter("ada")) {
        Ok(()) => "taken",
        // The message comes back with the reason.
        Err(unsent) => unsent.message.map_or("lost", |_| "refused"),
    };
    println!("a full desk, and no other may be tried: {}", again(router));
    router.balance(by_person(), FailOver::Next(1)).await?;
    println!("a full desk, and one other may be tried: {}", again(router));
    router.balance(RouteStrategy::<Letter>::LeastLoaded, FailOver::Never).await?;
    let which = ask(router, "ada").await?;
    let other = which != busy.path().name();
    println!("the least loaded of them: {}", if other { "the other desk" } else { "the full one" });
    busy.any().resume();
    Ok(())
}

async fn ask(router: &Router, person: &'static str) -> Result<String, Failure> {
    Ok(router.ask_one(Letter(person)).await.map_err(|unsent| unsent.error)?)
}

// ---- an input that is checked ----

#[derive(Serialize, Deserialize)]
struct Payment {
    to: String,
    amount: u32,
}

#[derive(Debug)]
struct TooLittle(u32);

impl std::fmt::Display for TooLittle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "only {} left", self.0)
    }
}

impl std::error::Error for TooLittle {}

struct Account {
    left: Cell<u32>,
}

impl Contract for Account {
    type Input = Payment;
    type Output = u32;
    type Error = TooLittle;

    fn validate(&self, payment: &Payment) -> Result<(), Invalid> {
        match payment.amount {
            0 => Err(Invalid::new("amount", "must be above 0")),
            _ => Ok(()),
        }
    }

    /// Gets valid input only: the argument cannot be made otherwise.
    async fn execute(&self, payment: Validated<Self>) -> Result<u32, TooLittle> {
        let left = self.left.get();
        self.left.set(left.checked_sub(payment.amount).ok_or(TooLittle(left))?);
        Ok(self.left.get())
    }
}

async fn account(router: &Router, root: &SupervisorRef) -> Result<(), Failure> {
    let account: Ref<ContractActor<Account>> = root.get("account").await?;
    router.add_route(account.port::<Invoke<Account>>()).await?;
    for amount in [30, 0, 80] {
        let payment = Payment { to: "ada".to_owned(), amount };
        let to = payment.to.clone();
        let done = router.ask_one(Invoke::<Account>::new(payment)).await;
        match done.map_err(|unsent| unsent.error)? {
            Ok(left) => println!("{amount} paid to {to}; {left} left"),
            Err(ContractError::Invalid(why)) => println!("not carried out: invalid input: {why}"),
            Err(error) => println!("carried out, and failed: {error}"),
        }
    }
    Ok(())
}

fn main() -> Result<Outcome, RunError> {
    let router = Router::new(RouterConfig::default());
    let clock = |name: &str, hour| ChildSpec::actor(name, move || Clock(hour));
    let library = |name: &'static str, lacks, has| {
        ChildSpec::actor(name, move || Library { name, lacks, has })
    };
    let tree = SupervisorSpec::one_for_one("root")
        .child(ChildSpec::blueprint("router", router.blueprint()))
        .child(clock("hall", 12))
        .child(clock("tower", 11))
        .child(clock("station", 12))
        .child(library("north", "has lent it out", &[]))
        .child(library("south", "never had it", &["Emma"]))
        .child(desk("desk-1"))
        .child(desk("desk-2"))
        .child(ChildSpec::actor("account", || {
            ContractActor::new(Account { left: Cell::new(100) })
        }));
    run_with(
        RunConfig::new("strategies").control(ControlEndpoint::Off),
        |_| tree,
        async move |runtime| {
            let root = runtime.root();
            clocks(&router, root).await?;
            libraries(&router, root).await?;
            desks(&router, root).await?;
            account(&router, root).await?;
            Ok(())
        },
    )
}
