//! First figures: tell and ask through our context beside plain actix, in one run.
//!
//! `cargo xtask bench peers`. Contenders run interleaved, ten rounds each; the
//! table shows medians and the ratio to plain actix. Nothing here asserts a time.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]
#![allow(clippy::disallowed_methods, reason = "the yardstick is plain actix, do_send included")]

use std::time::Instant;

use actix::{Actor, Addr, Handler, Message};
use futures_util::stream::{FuturesUnordered, StreamExt};
use ms_actor::{MailboxSpec, Node, NodeConfig, Ref, host};

const ROUNDS: usize = 10;
const TELLS: u64 = 1_000_000;
const ASKS: u64 = 200_000;

#[derive(Message)]
#[rtype(result = "()")]
struct Add(u64);

#[derive(Message)]
#[rtype(result = "u64")]
struct Get;

macro_rules! counter {
    ($name:ident, $context:ty) => {
        struct $name {
            sum: u64,
        }
        impl Actor for $name {
            type Context = $context;
        }
        impl Handler<Add> for $name {
            type Result = ();
            fn handle(&mut self, add: Add, _: &mut Self::Context) {
                self.sum = self.sum.wrapping_add(add.0);
            }
        }
        impl Handler<Get> for $name {
            type Result = u64;
            fn handle(&mut self, _: Get, _: &mut Self::Context) -> u64 {
                self.sum
            }
        }
    };
}

counter!(Plain, actix::Context<Self>);
counter!(Ours, ms_actor::Context<Self>);

struct OursBig;
impl OursBig {
    fn start(node: &Node) -> Ref<Ours> {
        let blueprint =
            host::Blueprint::actor(|| Ours { sum: 0 }).mailbox(MailboxSpec::bounded(1 << 22));
        let cell =
            blueprint.cell(node, ms_core::ActorPath::new("/bench/ours").expect("path"), None);
        let reference = cell.typed::<Ours>().expect("type");
        cell.launch(ms_actor::Placement::WithParent);
        reference
    }
}

fn rate(count: u64, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64() / 1e6
}

async fn plain_tell(addr: &Addr<Plain>) -> f64 {
    let began = Instant::now();
    for n in 0..TELLS {
        addr.do_send(Add(n));
        if n % 1024 == 0 {
            tokio::task::yield_now().await;
        }
    }
    addr.send(Get).await.expect("answers");
    rate(TELLS, began)
}

async fn our_tell(actor: &Ref<Ours>) -> f64 {
    let began = Instant::now();
    for n in 0..TELLS {
        actor.try_tell(Add(n)).expect("room");
        if n % 1024 == 0 {
            tokio::task::yield_now().await;
        }
    }
    actor.ask(Get).await.expect("answers");
    rate(TELLS, began)
}

async fn plain_ask(addr: &Addr<Plain>) -> f64 {
    let began = Instant::now();
    for _ in 0..ASKS {
        addr.send(Get).await.expect("answers");
    }
    rate(ASKS, began)
}

async fn our_ask(actor: &Ref<Ours>) -> f64 {
    let began = Instant::now();
    for _ in 0..ASKS {
        actor.ask(Get).await.expect("answers");
    }
    rate(ASKS, began)
}

async fn plain_ask64(addr: &Addr<Plain>) -> f64 {
    let began = Instant::now();
    let mut open = FuturesUnordered::new();
    for n in 0..ASKS {
        open.push(addr.send(Get));
        if n >= 64 {
            open.next().await.expect("open").expect("answers");
        }
    }
    while open.next().await.is_some() {}
    rate(ASKS, began)
}

async fn our_ask64(actor: &Ref<Ours>) -> f64 {
    let began = Instant::now();
    let mut open = FuturesUnordered::new();
    for n in 0..ASKS {
        open.push(actor.ask(Get));
        if n >= 64 {
            open.next().await.expect("open").expect("answers");
        }
    }
    while open.next().await.is_some() {}
    rate(ASKS, began)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let system = actix::System::new();
    let rows = system.block_on(async {
        let node = Node::boot(NodeConfig { arbiters: 1, ..NodeConfig::default() }).expect("boots");
        let plain = Plain { sum: 0 }.start();
        let ours = OursBig::start(&node);
        let mut figures = [const { Vec::new() }; 6];
        for _ in 0..ROUNDS {
            figures[0].push(plain_tell(&plain).await);
            figures[1].push(our_tell(&ours).await);
            figures[2].push(plain_ask(&plain).await);
            figures[3].push(our_ask(&ours).await);
            figures[4].push(plain_ask64(&plain).await);
            figures[5].push(our_ask64(&ours).await);
        }
        node.halt(std::time::Duration::from_secs(1));
        figures.map(median)
    });
    println!("one arbiter, median of {ROUNDS} rounds, million messages a second");
    println!("{:<22} {:>12} {:>12} {:>8}", "workload", "plain actix", "ms-actor", "ratio");
    for (name, at) in [("tell 1 to 1", 0), ("ask, one at a time", 2), ("ask, 64 at a time", 4)] {
        println!(
            "{name:<22} {:>12.2} {:>12.2} {:>8.2}",
            rows[at],
            rows[at + 1],
            rows[at + 1] / rows[at]
        );
    }
}
