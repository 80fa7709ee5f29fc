//! What the tests share: a node with virtual time, and children that can crash and come back.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests, each of which uses its part"
)]

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use ms_actor::host::{ChildEvent, ChildSink, Parent};
use ms_actor::{AnyRef, Blueprint, Context, Fault, Node, NodeConfig, Placement, Port, Ref};
use ms_core::{ActorPath, ExitReason};
use ms_registry::{Change, RegistryEvent};

/// Runs a test on one thread, with a clock that jumps when there is nothing to do.
pub fn virtually<F: Future<Output = ()>>(test: impl FnOnce(Node) -> F) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    System::with_tokio_rt(runtime).block_on(async move {
        test(Node::boot(NodeConfig::single_arbiter()).unwrap()).await;
    });
}

/// Lets everything happen that can without time passing.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
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

/// A supervisor that does nothing by itself: the test says when a child is started again.
struct Silent;

impl ChildSink for Silent {
    fn child_event(&self, _: ChildEvent) {}
}

/// A supervised child: crash it, bring it back, end it for good.
pub struct Child<A: ms_actor::Hosted> {
    pub any: AnyRef,
    pub reference: Ref<A>,
}

impl<A: ms_actor::Hosted> Child<A> {
    pub fn start(node: &Node, path: &str, blueprint: &Blueprint) -> Self {
        let parent = Parent { sink: Arc::new(Silent), key: 1 };
        let any = blueprint.cell(node, ActorPath::new(path).unwrap(), Some(parent));
        any.launch(Placement::Pool);
        Self { reference: any.typed().unwrap(), any }
    }

    pub async fn crash(&self) {
        self.any.inject(Fault::Panic);
        self.down().await;
    }

    pub async fn kill(&self) {
        self.any.kill();
        self.down().await;
    }

    async fn down(&self) {
        while self.any.is_alive() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub fn restart(&self) {
        self.any.mark_restarting();
        self.any.launch(Placement::Pool);
    }

    pub fn give_up(&self) {
        self.any.close(&ExitReason::Shutdown);
    }
}

pub fn echo(node: &Node, path: &str) -> Child<Echo> {
    Child::start(node, path, &Blueprint::actor(Echo::default))
}
