//! Lookups in a registry of 100,000 names beside lookups in a `DashMap` of the same.
//!
//! `cargo bench -p ms-registry --bench lookup`. Prints the median of several rounds,
//! in nanoseconds a lookup, with one reader and with two, and what a registration costs.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Actor;
use dashmap::DashMap;
use futures_util::future::join_all;
use ms_actor::{AnyRef, Context, Node, NodeConfig, Ref, spawn};
use ms_registry::{Name, Registry, RegistryConfig};

const NAMES: usize = 100_000;
const LOOKUPS: usize = 200_000;
const ROUNDS: usize = 11;

struct Idle;

impl Actor for Idle {
    type Context = Context<Self>;
}

/// `cargo test --benches` wants nothing of it, `cargo bench NAME` perhaps another.
fn is_wanted() -> bool {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let named = args.iter().find(|arg| !arg.starts_with("--"));
    named.is_none_or(|name| "lookup".contains(name.as_str()))
        && args.iter().any(|arg| arg == "--bench")
}

fn main() {
    if !is_wanted() {
        return;
    }
    actix::System::new().block_on(async {
        let node = Node::boot(NodeConfig { arbiters: 1, ..NodeConfig::default() }).unwrap();
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let owners: Vec<Ref<Idle>> =
            (0..1000).map(|n| spawn(&node, &format!("idle-{n}"), Idle).unwrap()).collect();
        let names: Vec<Name> =
            (0..NAMES).map(|n| Name::new(format!("/root/agents/crawler-{n}")).unwrap()).collect();

        let began = Instant::now();
        for (chunk, names) in names.chunks(1000).enumerate() {
            let asks = names
                .iter()
                .enumerate()
                .map(|(n, name)| registry.register(name, &owners[(chunk * 7 + n) % owners.len()]));
            join_all(asks).await.into_iter().for_each(|done| done.unwrap());
        }
        println!(
            "register, 1,000 at a time: {} ns each",
            began.elapsed().as_nanos() / NAMES as u128
        );

        let extra: Vec<Name> =
            (0..2000).map(|n| Name::new(format!("/root/late/late-{n}")).unwrap()).collect();
        let began = Instant::now();
        for name in &extra {
            registry.register(name, &owners[0]).await.unwrap();
        }
        println!(
            "register, one by one:      {} ns each",
            began.elapsed().as_nanos() / extra.len() as u128
        );

        let sip: DashMap<Name, AnyRef> = DashMap::new();
        let fold: DashMap<Name, AnyRef, foldhash::fast::RandomState> = DashMap::default();
        for (name, owner) in registry.names("") {
            // Own copies of the names, as the registry's keys are not the reader's either.
            sip.insert(Name::new(name.as_str()).unwrap(), owner.clone());
            fold.insert(Name::new(name.as_str()).unwrap(), owner);
        }
        let keys: Arc<Vec<String>> =
            Arc::new(scattered().map(|at| names[at].to_string()).collect());
        let (sip, fold) = (Arc::new(sip), Arc::new(fold));
        for readers in [1, 2] {
            let (one, two, three) = (registry.clone(), Arc::clone(&sip), Arc::clone(&fold));
            let typed: Vec<(&str, Look)> = vec![
                (
                    "registry.lookup",
                    Arc::new(move |key| drop(black_box(one.lookup::<Idle>(key).unwrap()))),
                ),
                (
                    "DashMap",
                    Arc::new(move |key| {
                        drop(black_box(two.get(key).and_then(|any| any.typed::<Idle>()).unwrap()))
                    }),
                ),
                (
                    "DashMap with foldhash",
                    Arc::new(move |key| {
                        drop(black_box(three.get(key).and_then(|any| any.typed::<Idle>()).unwrap()))
                    }),
                ),
            ];
            report("typed reference", readers, &keys, &typed);
            let (one, two) = (registry.clone(), Arc::clone(&sip));
            let untyped: Vec<(&str, Look)> = vec![
                (
                    "registry.whereis",
                    Arc::new(move |key| drop(black_box(one.whereis(key).unwrap()))),
                ),
                (
                    "DashMap",
                    Arc::new(move |key| {
                        drop(black_box(two.get(key).map(|any| any.clone()).unwrap()))
                    }),
                ),
            ];
            report("untyped reference", readers, &keys, &untyped);
        }
        drop(owners);
        node.halt(Duration::from_secs(1));
    });
}

/// Indices in an order no cache foresees.
fn scattered() -> impl Iterator<Item = usize> {
    let mut seed = 1u64;
    (0..LOOKUPS).map(move |_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % NAMES
    })
}

type Look = Arc<dyn Fn(&str) + Send + Sync>;

/// Lets all take turns, round by round, so that a noisy neighbour hits each alike.
fn report(what: &str, readers: usize, keys: &Arc<Vec<String>>, looks: &[(&str, Look)]) {
    let mut rounds = vec![Vec::new(); looks.len()];
    for _ in 0..ROUNDS {
        for (at, (_, look)) in looks.iter().enumerate() {
            rounds[at].push(round(readers, keys, look));
        }
    }
    println!("{what}, {readers} reader(s), median (best) of {ROUNDS} rounds:");
    for ((name, _), mut times) in looks.iter().zip(rounds) {
        times.sort_unstable();
        println!("    {name:<22} {:>4} ns ({} ns)", times[ROUNDS / 2], times[0]);
    }
}

fn round(readers: usize, keys: &Arc<Vec<String>>, look: &Look) -> u128 {
    let threads: Vec<_> = (0..readers)
        .map(|_| {
            let (keys, look) = (Arc::clone(keys), Arc::clone(look));
            std::thread::spawn(move || {
                let began = Instant::now();
                keys.iter().for_each(|key| look(key));
                began.elapsed().as_nanos() / keys.len() as u128
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
}
