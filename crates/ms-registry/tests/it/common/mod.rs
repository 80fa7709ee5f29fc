//! What the tests share: a node with virtual time, and children that can crash and come back.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests, each of which uses its part"
)]

use actix::prelude::*;
use ms_actor::{Blueprint, Context, Node, Port, Ref};
use ms_registry::{Change, RegistryEvent};
use ms_testkit::TestSystem;
pub use ms_testkit::{ManualSupervisor as Child, clock::settle};

/// Runs a test on one thread, with a clock that jumps when there is nothing to do.
pub fn virtually<F: Future<Output = ()>>(test: impl FnOnce(Node) -> F) {
    TestSystem::run(async |t| test(t.node().clone()).await);
}

/// An actor that says which start of it answers.
#[derive(Default)]
pub struct Echo;

impl Actor for Echo {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
pub struct Which;

impl Handler<Which> for Echo {
    type Result = u64;

    fn handle(&mut self, _: Which, ctx: &mut Self::Context) -> u64 {
        ctx.incarnation().0
    }
}

/// Another type of actor.
pub struct Other;

impl Actor for Other {
    type Context = Context<Self>;
}

/// An actor that writes down what it is told of changes.
#[derive(Default)]
pub struct Listener {
    pub heard: Vec<Change>,
}

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<RegistryEvent> for Listener {
    type Result = ();

    fn handle(&mut self, event: RegistryEvent, _: &mut Self::Context) {
        self.heard.push(event.change);
    }
}

#[derive(Message)]
#[rtype(result = "Vec<Change>")]
pub struct Heard;

impl Handler<Heard> for Listener {
    type Result = MessageResult<Heard>;

    fn handle(&mut self, _: Heard, _: &mut Self::Context) -> Self::Result {
        MessageResult(std::mem::take(&mut self.heard))
    }
}

pub async fn heard(listener: &Ref<Listener>) -> Vec<Change> {
    settle().await;
    listener.ask(Heard).await.unwrap()
}

pub fn port(listener: &Ref<Listener>) -> Port<RegistryEvent> {
    listener.port()
}

pub fn echo(node: &Node, path: &str) -> Child<Echo> {
    Child::start(node, path, &Blueprint::actor(Echo::default))
}
