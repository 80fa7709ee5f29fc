//! Lookups in a registry of 100,000 names beside lookups in a `DashMap` of the same.
//!
//! `cargo bench -p ms-registry --bench lookup`. Prints the median of several rounds,
//! in nanoseconds a lookup, with one reader and with two, and what a registration costs.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

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

fn main() {
    actix::System::new().block_on(async {
        let node = Node::boot(NodeConfig { arbiters: 1, ..NodeConfig::default() }).unwrap();
        let registry = Registry::spawn(&node, RegistryConfig::default()).unwrap();
        let owners: Vec<Ref<Idle>> = (0..1000).map(|n| spawn(&node, &format!("idle-{n}"), Idle).unwrap()).collect();
        let names: Vec<Name> = (0..NAMES).map(|n| Name::new(format!("/root/agents/crawler-{n}")).unwrap()).collect();

        let began = Instant::now();
        for (chunk, names) in names.chunks(1000).enumerate() {
            let asks = names.iter().enumerate().map(|(n, name)| {
                registry.register(name, &owners[(chunk * 7 + n) % owners.len()])
            });
            join_all(asks).await.into_iter().for_each(|done| done.unwrap());
        }
        println!("register, 1,000 at a time: {} ns each", began.elapsed().as_nanos() / NAMES as u128);

        let extra: Vec<Name> = (0..2000).map(|n| Name::new(format!("/root/late/late-{n}")).unwrap()).collect();
        let began = Instant::now();
        for name in &extra {
            registry.register(name, &owners[0]).await.unwrap();
        }
        println!("register, one by one:      {} ns each", began.elapsed().as_nanos() / extra.len() as u128);

        let sip: DashMap<Name, AnyRef> = DashMap::new();
        let fold: DashMap<Name, AnyRef, foldhash::fast::RandomState> = DashMap::default();
        for (name, owner) in registry.names("") {
            // Own copies of the names, as the registry's keys are not the reader's either.
            sip.insert(Name::new(name.as_str()).unwrap(), owner.clone());
            fold.insert(Name::new(name.as_str()).unwrap(), owner);
        }
        let keys: Arc<Vec<String>> = Arc::new(scattered().map(|at| names[at].to_string()).collect());
        let (sip, fold) = (Arc::new(sip), Arc::new(fold));
        for readers in [1, 2] {
            let reg = registry.clone();
            report("registry.lookup", readers, &keys, move |key| drop(black_box(reg.lookup::<Idle>(key).unwrap())));
            let map = Arc::clone(&sip);
            report("DashMap, typed", readers, &keys, move |key| {
                drop(black_box(map.get(key).and_then(|any| any.typed::<Idle>()).unwrap()));
            });
            let map = Arc::clone(&fold);
            report("DashMap+foldhash, typed", readers, &keys, move |key| {
                drop(black_box(map.get(key).and_then(|any| any.typed::<Idle>()).unwrap()));
            });
            let reg = registry.clone();
            report("registry.whereis", readers, &keys, move |key| drop(black_box(reg.whereis(key).unwrap())));
            let map = Arc::clone(&sip);
            report("DashMap, cloned", readers, &keys, move |key| {
                drop(black_box(map.get(key).map(|any| any.clone()).unwrap()));
            });
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

fn report(what: &str, readers: usize, keys: &Arc<Vec<String>>, look: impl Fn(&str) + Clone + Send + 'static) {
    let mut rounds: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let threads: Vec<_> = (0..readers)
                .map(|_| {
                    let (keys, look) = (Arc::clone(keys), look.clone());
                    std::thread::spawn(move || {
                        let began = Instant::now();
                        keys.iter().for_each(|key| look(key));
                        began.elapsed().as_nanos() / keys.len() as u128
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
        })
        .collect();
    rounds.sort_unstable();
    println!("{what:<26} {readers} reader(s): {:>4} ns (median of {ROUNDS})", rounds[ROUNDS / 2]);
}
