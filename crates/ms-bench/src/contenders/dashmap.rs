//! A bare `DashMap` of our references by name: a lower bound for the time of lookups.

use std::sync::Arc;

use ::dashmap::DashMap;
use ms_actor::AnyRef;

use super::ours::{Counter, Ours};
use crate::peer::{Names, Peer};
use crate::sample::{NoFigure, Sample, Threads};
use crate::workloads::Job;
use crate::workloads::names;

pub(crate) fn run(job: Job) -> Sample {
    match job {
        Job::Names(size) => names::measure::<Map>(size),
        _ => Err(NoFigure::Apart),
    }
}

/// With the default hasher, as in most programs.
struct Map {
    node: Ours,
    names: Arc<DashMap<String, AnyRef>>,
}

impl Peer for Map {
    type Counter = <Ours as Peer>::Counter;

    fn run<T>(threads: Threads, work: impl AsyncFnOnce(&Self) -> T) -> T {
        Ours::run(threads, async |node| {
            work(&Self { node: node.clone(), names: Arc::default() }).await
        })
    }

    async fn counter(&self) -> Self::Counter {
        self.node.counter().await
    }

    async fn tell(counter: &Self::Counter, n: u64) {
        Ours::tell(counter, n).await;
    }

    async fn ask(counter: &Self::Counter) -> u64 {
        Ours::ask(counter).await
    }
}

impl Names for Map {
    async fn register(&self, names: &[String]) {
        for name in names {
            self.names.insert(name.clone(), self.counter().await.any());
        }
    }

    fn lookup(&self) -> impl Fn(&str) -> bool + Send + Sync + Clone + 'static {
        let names = Arc::clone(&self.names);
        // With the type, because the registry's lookup ends with a typed reference as well.
        move |name| names.get(name).and_then(|any| any.typed::<Counter>()).is_some()
    }
}
