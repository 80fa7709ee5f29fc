//! Actors that are started and stopped.

use actix::{Actor, Handler, Message};
use ms_actor::{Context, Node, Ref, spawn};
use ms_supervisor::ChildSpec;
use tokio::sync::oneshot;

use super::Ours;
use crate::peer::{Alive, Populates, Skynet, WAIT_LIMIT, answer};

pub(crate) struct Idle {
    _alive: Alive,
}

impl Actor for Idle {
    type Context = Context<Self>;
}

/// Returns the spec of the children of a pool.
pub(super) fn idle_spec() -> ChildSpec {
    ChildSpec::actor("idle", || Idle { _alive: Alive::new() })
}

impl Populates for Ours {
    /// A supervised actor is kept alive by its supervisor.
    type Idle = Option<Ref<Idle>>;

    async fn start(&self, supervised: bool) -> Option<Ref<Idle>> {
        if supervised {
            self.pool.start_another().await.expect("starts");
            return None;
        }
        Some(spawn(&self.node, "idle", Idle { _alive: Alive::new() }).expect("a valid name"))
    }

    async fn stop(&self, idle: Vec<Option<Ref<Idle>>>, supervised: bool) {
        drop(idle);
        if supervised {
            let pool = self.pool.path().name().parse().expect("a valid id");
            self.root.clone().within(WAIT_LIMIT).terminate_child(&pool).await.expect("stops");
        }
    }
}

enum Above {
    Root(Option<oneshot::Sender<u64>>),
    Node(Ref<Branch>),
}

/// A node of the skynet tree.
struct Branch {
    above: Above,
    number: u64,
    size: u64,
    missing: u8,
    sum: u64,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Sum(u64);

impl Branch {
    fn new(above: Above, number: u64, size: u64) -> Self {
        Self { above, number, size, missing: 10, sum: 0 }
    }

    fn start(self, node: &Node) {
        spawn(node, "branch", self).expect("a valid name");
    }

    fn answer(&mut self, sum: u64) {
        match &mut self.above {
            Above::Root(root) => root.take().into_iter().for_each(|root| answer(root, sum)),
            // Ten at most are sent to an actor, whose mailbox holds 1,024.
            Above::Node(above) => above.try_tell(Sum(sum)).expect("has room"),
        }
    }
}

impl Actor for Branch {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.size == 1 {
            return self.answer(self.number);
        }
        let below = self.size / 10;
        for at in 0..10 {
            let above = Above::Node(ctx.me());
            Self::new(above, self.number + at * below, below).start(ctx.node());
        }
    }
}

impl Handler<Sum> for Branch {
    type Result = ();
    fn handle(&mut self, Sum(sum): Sum, _: &mut Self::Context) {
        self.sum += sum;
        self.missing -= 1;
        if self.missing == 0 {
            self.answer(self.sum);
        }
    }
}

impl Skynet for Ours {
    async fn skynet(&self, leaves: u64) -> u64 {
        let (answer, root) = oneshot::channel();
        Branch::new(Above::Root(Some(answer)), 0, leaves).start(&self.node);
        root.await.expect("the root answers")
    }
}
