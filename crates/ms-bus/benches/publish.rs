//! Events a second through the bus, to 1 and to 8 subscribers, beside the router's publish.
//!
//! `cargo bench -p ms-bus --bench publish` (or `cargo xtask bench bus`). A round publishes so
//! many events from one task, waiting for room, and ends when every subscriber has handled all
//! of them. Prints the median and the best of several rounds. The two take turns, round by
//! round, so that a noisy neighbour hits each alike.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a bench")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use ms_actor::{Context, Node, NodeConfig, Overflow, Ref, spawn};
use ms_bus::{BusConfig, Delivery, Event, EventBus, Producer, Subscription};
use ms_router::{Router, RouterConfig};
use ms_supervisor::{Supervisor, start_root};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

const EVENTS: u64 = 100_000;
const ROUNDS: usize = 7;
/// Requirement S10.1-02.
const GOAL: f64 = 10_000.0;

#[derive(Clone, Serialize, Deserialize, Message)]
#[rtype(result = "()")]
struct Tick {
    number: u64,
    text: String,
}

impl Event for Tick {
    const SUBJECT: &'static str = "bench.tick";
}

fn tick(number: u64) -> Tick {
    Tick { number, text: "some 32 bytes of something to say".to_owned() }
}

/// Counts what it is given; tells when that is all.
struct Counter {
    left: Arc<AtomicU64>,
    done: Arc<Notify>,
    last: Option<u64>,
}

impl Counter {
    fn count(&mut self, number: u64) {
        // Every event, in order, or the figure is worth nothing.
        assert!(self.last.is_none_or(|last| number == (last + 1) % EVENTS));
        self.last = Some(number);
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.notify_one();
        }
    }
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Tick> for Counter {
    type Result = ();

    fn handle(&mut self, tick: Tick, _: &mut Self::Context) {
        self.count(tick.number);
    }
}

impl Handler<Delivery<Tick>> for Counter {
    type Result = ();

    fn handle(&mut self, tick: Delivery<Tick>, _: &mut Self::Context) {
        self.count(tick.event.number);
    }
}

struct Subscribers {
    left: Arc<AtomicU64>,
    done: Arc<Notify>,
    actors: Vec<Ref<Counter>>,
}

impl Subscribers {
    fn new(node: &Node, name: &str, count: usize) -> Self {
        let (left, done) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let counter = || Counter { left: Arc::clone(&left), done: Arc::clone(&done), last: None };
        let actors = (0..count)
            .map(|n| spawn(node, &format!("{name}-{count}-{n}"), counter()).unwrap())
            .collect();
        Self { left, done, actors }
    }

    fn expect(&self) {
        self.left.store(EVENTS * self.actors.len() as u64, Ordering::Release);
    }
}

async fn over_the_bus(producer: &mut Producer, subscribers: &Subscribers) -> f64 {
    subscribers.expect();
    let began = Instant::now();
    for number in 0..EVENTS {
        let published = producer.publish(tick(number)).unwrap();
        assert_eq!(published.accepted, subscribers.actors.len());
    }
    subscribers.done.notified().await;
    EVENTS as f64 / began.elapsed().as_secs_f64()
}

async fn waiting_at_the_bus(producer: &mut Producer, subscribers: &Subscribers) -> f64 {
    subscribers.expect();
    let began = Instant::now();
    for number in 0..EVENTS {
        let published = producer.publish_waiting(tick(number)).await.unwrap();
        assert_eq!(published.accepted, subscribers.actors.len());
    }
    subscribers.done.notified().await;
    EVENTS as f64 / began.elapsed().as_secs_f64()
}

async fn by_the_router(router: &Router, subscribers: &Subscribers) -> f64 {
    subscribers.expect();
    let began = Instant::now();
    for number in 0..EVENTS {
        let sent = router.publish_waiting(tick(number)).await.unwrap();
        assert!(sent.iter().all(|delivery| delivery.result.is_ok()));
    }
    subscribers.done.notified().await;
    EVENTS as f64 / began.elapsed().as_secs_f64()
}

async fn subscribe(bus: &EventBus, subscribers: &Subscribers, buffer: usize) -> Vec<Subscription> {
    let mut held = Vec::new();
    for actor in &subscribers.actors {
        let subscribe = bus.client().subscribe(actor.port::<Delivery<Tick>>());
        held.push(subscribe.buffer(buffer, Overflow::Block).await.unwrap());
    }
    held
}

fn main() {
    actix::System::new().block_on(async {
        let node = Node::boot(NodeConfig { arbiters: 1, ..NodeConfig::default() }).unwrap();
        println!("{EVENTS} events, each handled in order by each subscriber; median (best) of {ROUNDS} rounds");
        for count in [1, 8] {
            let bus = EventBus::new(BusConfig::default());
            let tree = Supervisor::one_for_one(format!("root-{count}")).child(bus.child("bus"));
            let root = start_root(&node, tree).await.unwrap();
            let router = Router::spawn(&node, &format!("router-{count}"), RouterConfig::default());
            let router = router.unwrap();
            let (b, w, r) = (
                Subscribers::new(&node, "bus", count),
                Subscribers::new(&node, "waiting", count),
                Subscribers::new(&node, "router", count),
            );
            for actor in &r.actors {
                router.add_route::<Tick>(actor.port()).await.unwrap();
            }
            let mut producer = bus.client().producer("bench");
            let mut rates = [const { Vec::new() }; 3];
            for _ in 0..ROUNDS {
                let held = subscribe(&bus, &b, EVENTS as usize).await;
                rates[0].push(over_the_bus(&mut producer, &b).await);
                drop(held);
                let held = subscribe(&bus, &w, 1_024).await;
                rates[1].push(waiting_at_the_bus(&mut producer, &w).await);
                drop(held);
                rates[2].push(by_the_router(&router, &r).await);
            }
            println!("{count} subscriber(s):");
            let names = ["bus, publish", "bus, publish_waiting", "router, publish_waiting"];
            for (name, rates) in names.into_iter().zip(&mut rates) {
                rates.sort_unstable_by(f64::total_cmp);
                let (median, best) = (rates[ROUNDS / 2], rates[ROUNDS - 1]);
                println!(
                    "    {name:<24} {median:>9.0} ({best:.0}) events/s, {:>9.0} deliveries/s",
                    median * count as f64
                );
                if name.starts_with("bus") {
                    let word = if median > GOAL { "met" } else { "missed" };
                    println!("    goal of {GOAL} events/s: {word}");
                }
            }
            root.stop(Duration::from_secs(5)).await;
        }
        node.halt(Duration::from_secs(1));
    });
}
