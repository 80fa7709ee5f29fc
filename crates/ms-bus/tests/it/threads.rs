//! On real threads: what the bench measures the rate of, looked at for what arrives.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use crate::common;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use common::{Order, balanced, order};
use ms_actor::{Context, Node, NodeConfig, Overflow};
use ms_bus::{BusConfig, Delivery, EventBus};
use ms_supervisor::{ChildSpec, SupervisorSpec, start_root};
use tokio::sync::mpsc;

const EVENTS: u64 = 2_000;
const PRODUCERS: u64 = 3;
const SUBSCRIBERS: usize = 8;
/// A machine under load is slow, a test that hangs is not.
const TEST_DEADLINE: Duration = Duration::from_secs(180);

/// Counts; says what it saw when it has seen all.
struct Reader {
    last: HashMap<Arc<str>, u64>,
    seen: u64,
    out_of_order: u64,
    done: mpsc::Sender<u64>,
}

impl Actor for Reader {
    type Context = Context<Self>;
}

impl Handler<Delivery<Order>> for Reader {
    type Result = ();

    fn handle(&mut self, order: Delivery<Order>, _: &mut Self::Context) {
        let last = self.last.entry(Arc::clone(&order.header.producer)).or_default();
        self.out_of_order += u64::from(order.header.sequence != *last + 1);
        *last = order.header.sequence;
        self.seen += 1;
        if self.seen == EVENTS * PRODUCERS {
            self.done.try_send(self.out_of_order).unwrap();
        }
    }
}

/// S10.1-02, S6.2-05: producers and subscribers on several threads, buffers far smaller than
/// what is published: every subscriber has every event of every producer, in order. How many a
/// second, `cargo xtask bench bus` prints.
#[test]
fn s10_1_02_nothing_is_lost_or_out_of_order_between_threads() {
    actix::System::new().block_on(async {
        let node = Node::boot(NodeConfig { arbiters: 3, ..NodeConfig::default() }).unwrap();
        let bus = EventBus::new(BusConfig::default());
        let (done, mut all) = mpsc::channel(SUBSCRIBERS);
        let reader = move || {
            let done = done.clone();
            Reader { last: HashMap::new(), seen: 0, out_of_order: 0, done }
        };
        let tree = SupervisorSpec::one_for_one("root").child(bus.child("event-bus"));
        let tree = (0..SUBSCRIBERS).fold(tree, |tree, n| {
            tree.child(ChildSpec::actor(format!("reader-{n}"), reader.clone()))
        });
        let root = start_root(&node, tree).await.unwrap();
        for n in 0..SUBSCRIBERS {
            let reader = root.as_supervisor().get::<Reader>(&format!("reader-{n}")).await.unwrap();
            let subscribe = bus.client().subscribe(reader.port::<Delivery<Order>>());
            subscribe.buffer(64, Overflow::Block).await.unwrap().keep();
        }
        let threads: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let client = bus.client().within(TEST_DEADLINE);
                std::thread::spawn(move || {
                    actix::System::new().block_on(async move {
                        let mut producer = client.producer(format!("producer-{producer}"));
                        for n in 0..EVENTS {
                            let published = producer.publish_waiting(order(n)).await.unwrap();
                            assert_eq!(published.accepted, SUBSCRIBERS, "{published:?}");
                        }
                    });
                })
            })
            .collect();
        for _ in 0..SUBSCRIBERS {
            let out_of_order = tokio::time::timeout(TEST_DEADLINE, all.recv()).await.unwrap();
            assert_eq!(out_of_order, Some(0));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        root.stop(TEST_DEADLINE).await;
        let stats = bus.client().stats();
        assert_eq!(stats.published, EVENTS * PRODUCERS);
        assert_eq!(stats.counts.handled, EVENTS * PRODUCERS * SUBSCRIBERS as u64);
        assert_eq!((stats.counts.lost, stats.counts.dropped, stats.counts.refused), (0, 0, 0));
        balanced(&stats);
        node.halt(TEST_DEADLINE);
    });
}
