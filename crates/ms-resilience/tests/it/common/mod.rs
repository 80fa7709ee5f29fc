//! A node in virtual time and actors under a root.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test program uses its part; a broken fixture fails the test"
)]

use std::future::Future;
use std::time::Duration;

use actix::System;
use ms_actor::host::Blueprint;
use ms_actor::{Hosted, Node, NodeConfig, Ref};
use ms_supervisor::{ChildSpec, Root, SupervisorSpec, start_root};

pub(crate) fn virtually<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    System::with_tokio_rt(runtime).block_on(async move {
        let node = Node::boot(NodeConfig::single_arbiter()).unwrap();
        let root = start_root(&node, SupervisorSpec::one_for_one("root")).await.unwrap();
        test(World { node, root }).await;
    });
}

pub(crate) struct World {
    pub(crate) node: Node,
    pub(crate) root: Root,
}

impl World {
    pub(crate) async fn add<A: Hosted>(&self, id: &str, blueprint: Blueprint) -> Ref<A> {
        self.root.start_child(ChildSpec::blueprint(id, blueprint)).await.unwrap();
        self.root.get::<A>(id).await.unwrap()
    }
}

pub(crate) async fn pass(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
