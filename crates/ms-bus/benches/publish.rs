//! Events a second through the bus, to 1 and to 8 subscribers, beside the router's publish.
//!
//! `cargo bench -p ms-bus --bench publish` (or `cargo xtask bench bus`). A round publishes so
//! many events from one task, waiting for room, and ends when every subscriber has handled all
//! of them. Prints the median and the best of several rounds. The two take turns, round by
//! round, so that a noisy neighbour hits each alike. It ends with 1 where a median of the bus is
//! not above the goal.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a bench, checked by tests/it/bench.rs"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use ms_actor::{Context, Node, NodeConfig, Overflow, Ref, spawn};
use ms_bus::{BusConfig, Delivery, Event, EventBus, Producer, Subscription};
use ms_router::{Router, RouterConfig};
use ms_supervisor::{SupervisorSpec, start_root};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

const NAME: &str = "publish";
const EVENTS: u64 = 100_000;
const ROUNDS: usize = 7;
const SUBSCRIBERS: [usize; 2] = [1, 8];
/// Events a second; requirement S10.1-02.
pub const GOAL: f64 = 10_000.0;

/// What was measured of one way to publish.
#[derive(Debug, Clone)]
pub struct Figure {
    pub way: &'static str,
    pub subscribers: usize,
    /// Events a second, the slowest round first.
    pub rates: Vec<f64>,
}

impl Figure {
    fn median(&self) -> f64 {
        self.rates[self.rates.len() / 2]
    }

    /// Whether it is one of the bus, and too slow.
    pub fn misses(&self, goal: f64) -> bool {
        self.way.starts_with("bus") && self.median() <= goal
    }

    pub fn line(&self, goal: f64) -> String {
        let (median, best) = (self.median(), self.rates[self.rates.len() - 1]);
        let deliveries = median * self.subscribers as f64;
        let line = format!(
            "{} subscriber(s), {:<24} {median:>9.0} ({best:.0}) events/s, {deliveries:>9.0} deliveries/s",
            self.subscribers, self.way
        );
        match (self.way.starts_with("bus"), self.misses(goal)) {
            (false, _) => line,
            (true, false) => format!("{line}, goal of {goal} events/s: met"),
            (true, true) => format!("{line}, goal of {goal} events/s: missed"),
        }
    }
}

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
    /// Of one round.
    events: u64,
}

impl Counter {
    fn count(&mut self, number: u64) {
        // Every event, in order, or the figure is worth nothing.
        assert!(self.last.is_none_or(|last| number == (last + 1) % self.events));
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
    events: u64,
}

impl Subscribers {
    fn new(node: &Node, name: &str, count: usize, events: u64) -> Self {
        let (left, done) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let counter = || {
            let (left, done) = (Arc::clone(&left), Arc::clone(&done));
            Counter { left, done, last: None, events }
        };
        let actors = (0..count)
            .map(|n| spawn(node, &format!("{name}-{count}-{n}"), counter()).unwrap())
            .collect();
        Self { left, done, actors, events }
    }

    fn expect(&self) {
        self.left.store(self.events * self.actors.len() as u64, Ordering::Release);
    }
}

async fn over_the_bus(producer: &mut Producer, subscribers: &Subscribers) -> f64 {
    subscribers.expect();
    let began = Instant::now();
    for number in 0..subscribers.events {
        let published = producer.publish(tick(number)).unwrap();
        assert_eq!(published.accepted, subscribers.actors.len());
    }
    subscribers.done.notified().await;
    subscribers.events as f64 / began.elapsed().as_secs_f64()
}

async fn waiting_at_the_bus(producer: &mut Producer, subscribers: &Subscribers) -> f64 {
    subscribers.expect();
    let began = Instant::now();
    for number in 0..subscribers.events {
        let published = producer.publish_waiting(tick(number)).await.unwrap();
        assert_eq!(published.accepted, subscribers.actors.len());
    }
    subscribers.done.notified().await;
    subscribers.events as f64 / began.elapsed().as_secs_f64()
}

async fn by_the_router(router: &Router, subscribers: &Subscribers) -> f64 {
    subscribers.expect();
    let began = Instant::now();
    for number in 0..subscribers.events {
        let sent = router.publish_waiting(tick(number)).await.unwrap();
        assert!(sent.iter().all(|delivery| delivery.result.is_ok()));
    }
    subscribers.done.notified().await;
    subscribers.events as f64 / began.elapsed().as_secs_f64()
}

async fn subscribe(bus: &EventBus, subscribers: &Subscribers, buffer: usize) -> Vec<Subscription> {
    let mut held = Vec::new();
    for actor in &subscribers.actors {
        let subscribe = bus.client().subscribe(actor.port::<Delivery<Tick>>());
        held.push(subscribe.buffer(buffer, Overflow::Block).await.unwrap());
    }
    held
}

/// So many rounds of each way to publish.
async fn rounds(node: &Node, count: usize, events: u64, rounds: usize) -> Vec<Figure> {
    let bus = EventBus::new(BusConfig::default());
    let tree = SupervisorSpec::one_for_one(format!("root-{count}")).child(bus.child("bus"));
    let root = start_root(node, tree).await.unwrap();
    let router = Router::spawn(node, &format!("router-{count}"), RouterConfig::default()).unwrap();
    let [b, w, r] =
        ["bus", "waiting", "router"].map(|name| Subscribers::new(node, name, count, events));
    for actor in &r.actors {
        router.add_route::<Tick>(actor.port()).await.unwrap();
    }
    let mut producer = bus.client().producer("bench");
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        let held = subscribe(&bus, &b, usize::try_from(events).unwrap()).await;
        rates[0].push(over_the_bus(&mut producer, &b).await);
        drop(held);
        let held = subscribe(&bus, &w, 1_024).await;
        rates[1].push(waiting_at_the_bus(&mut producer, &w).await);
        drop(held);
        rates[2].push(by_the_router(&router, &r).await);
    }
    root.stop(Duration::from_secs(5)).await;
    let ways = ["bus, publish", "bus, publish_waiting", "router, publish_waiting"];
    let figure = |(way, mut rates): (_, Vec<f64>)| {
        rates.sort_unstable_by(f64::total_cmp);
        Figure { way, subscribers: count, rates }
    };
    ways.into_iter().zip(rates).map(figure).collect()
}

/// All figures, to 1 and to 8 subscribers; each is handed on as soon as it is there.
pub async fn measure(events: u64, times: usize, mut tell: impl FnMut(&Figure)) -> Vec<Figure> {
    let node = Node::boot(NodeConfig { arbiters: 1, ..NodeConfig::default() }).unwrap();
    let mut all = Vec::new();
    for count in SUBSCRIBERS {
        let figures = rounds(&node, count, events, times).await;
        figures.iter().for_each(&mut tell);
        all.extend(figures);
    }
    node.halt(Duration::from_secs(1));
    all
}

fn main() -> ExitCode {
    // `cargo test --benches` wants nothing of it, `cargo bench NAME` perhaps another.
    let args: Vec<String> = std::env::args().skip(1).collect();
    let named = args.iter().find(|arg| !arg.starts_with("--"));
    if named.is_some_and(|name| !NAME.contains(name.as_str()))
        || !args.iter().any(|arg| arg == "--bench")
    {
        return ExitCode::SUCCESS;
    }
    println!(
        "{EVENTS} events, each handled in order by each subscriber; median (best) of {ROUNDS} rounds"
    );
    let tell = |figure: &Figure| println!("{}", figure.line(GOAL));
    let figures = actix::System::new().block_on(measure(EVENTS, ROUNDS, tell));
    match figures.iter().any(|figure| figure.misses(GOAL)) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}
