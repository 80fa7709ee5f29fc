//! Finding actors by name.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::peer::Names;
use crate::sample::{Measured, Sample, Threads, scaled};
use crate::workloads::Goal::Times;
use crate::workloads::{Figure, Job, Unit, Workload};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) names: u64,
    pub(crate) lookups: u64,
    pub(crate) readers: u64,
}

const fn workload(
    name: &'static str,
    about: &'static str,
    figures: &'static [Figure],
    job: fn(f64) -> Job,
) -> Workload {
    Workload { name, about, figures, job, rounds: 5 }
}

fn job(scale: f64, readers: u64) -> Job {
    let (names, lookups) = (scaled(100_000, scale, 100), scaled(1_000_000, scale, 1000));
    Job::Names(Size { names, lookups, readers })
}

pub(crate) const ONE_READER: Workload = workload(
    "names",
    "1,000,000 lookups among 100,000 names of 100,000 actors, in no order, each ending with a \
     reference to the actor; one reader",
    &[Figure { name: "lookups", unit: Unit::Rate, goals: &[Times("dashmap", 1.0)] }],
    |scale| job(scale, 1),
);

pub(crate) const TWO_READERS: Workload = workload(
    "names-2",
    "the same with two readers on two threads",
    &[Figure { name: "lookups", unit: Unit::Rate, goals: &[Times("dashmap", 1.0)] }],
    |scale| job(scale, 2),
);

pub(crate) fn measure<P: Names>(size: Size) -> Sample {
    let rate = P::run(Threads::One, async |peer: &P| {
        let names: Vec<String> = (0..size.names).map(name).collect();
        peer.register(&names).await;
        let keys = scattered(size).map(name).collect::<Vec<_>>();
        let lookup = peer.lookup();
        assert!(!lookup("agents.nobody"), "an unknown name is not found");
        read(&keys[..keys.len() / 10], &lookup);
        // The slowest reader counts: a mean would hide a reader that waits for a lock of another one.
        let slowest = std::thread::scope(|scope| {
            let readers = (0..size.readers).map(|_| scope.spawn(|| read(&keys, &lookup)));
            let readers: Vec<_> = readers.collect();
            readers.into_iter().map(|reader| reader.join().expect("reads")).max()
        });
        super::rate(size.lookups * size.readers, slowest.expect("a reader"))
    });
    Ok(Measured::one(rate))
}

pub(crate) fn name(number: u64) -> String {
    format!("agents.crawler-{number}")
}

fn read(keys: &[String], lookup: &(impl Fn(&str) -> bool + Sync)) -> Duration {
    let began = Instant::now();
    // `black_box` hides the keys from the optimiser, which could otherwise move lookups out of the loop.
    let found = keys.iter().filter(|key| lookup(black_box(key))).count();
    let took = began.elapsed();
    assert_eq!(found, keys.len(), "every name is found");
    took
}

/// Returns numbers in an order that no cache can predict.
fn scattered(size: Size) -> impl Iterator<Item = u64> {
    let mut seed = 1_u64;
    (0..size.lookups).map(move |_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The low bits of such a generator repeat after a few numbers.
        (seed >> 33) % size.names
    })
}
