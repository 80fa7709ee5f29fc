//! What a verb would do is what it then does, on random trees.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::*;
use ms_actor::AnyRef;
use ms_core::view::Lifecycle;
use ms_core::{ActorPath, Restart};
use ms_supervisor::{ChildSpec, DynamicChild, SupervisorRef, SupervisorSpec, Verb};

/// A small generator: the seed is the whole of its state.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn restart(&mut self) -> Restart {
        [Restart::Permanent, Restart::Permanent, Restart::Transient, Restart::Temporary]
            [self.below(4) as usize]
    }
}

fn tree(random: &mut Random, name: &str, depth: u64, log: &Log) -> SupervisorSpec {
    let mut tree = match random.below(if depth == 0 { 3 } else { 4 }) {
        0 => SupervisorSpec::one_for_one(name),
        1 => SupervisorSpec::one_for_all(name),
        2 => SupervisorSpec::rest_for_one(name),
        _ => SupervisorSpec::dynamic(name, probe(log, "w").restart(random.restart())),
    };
    let dynamic = format!("{tree:?}").contains("SimpleOneForOne");
    tree = tree.intensity(random.below(3) as u32, Duration::from_secs(3600));
    if dynamic {
        return tree;
    }
    for n in 0..=random.below(3) {
        let id = format!("{name}{n}");
        let child = if depth < 3 && random.below(2) == 0 {
            ChildSpec::supervisor(self::tree(random, &id, depth + 1, log))
        } else {
            probe(log, &id)
        };
        tree = tree.child(child.restart(random.restart()));
    }
    tree
}

/// One life: temporary children that come back do so under a new reference.
type Life = (AnyRef, u64);

/// The actors, and the lives of those that run.
async fn snapshot(root: &SupervisorRef) -> BTreeMap<ActorPath, Option<Life>> {
    let mut lives = BTreeMap::new();
    let Ok(tree) = root.tree(None).await else { return lives };
    for node in tree.walk() {
        let path = node.status.path.clone();
        let actor = root.find(&path).await.expect("there");
        let runs = node.status.lifecycle == Lifecycle::Running;
        lives.insert(path, runs.then_some((actor, node.status.incarnation.0)));
    }
    lives
}

async fn populate(root: &SupervisorRef, random: &mut Random, log: &Log) {
    let tree = root.tree(None).await.expect("answers");
    for node in tree.walk() {
        let Some(view) = &node.supervisor else { continue };
        let supervisor =
            SupervisorRef::of(&root.find(&node.status.path).await.expect("there")).expect("one");
        if view.strategy == ms_core::Strategy::SimpleOneForOne {
            for n in 0..random.below(3) {
                let (log, name) = (log.clone(), format!("d{n}"));
                let child = DynamicChild::actor(move || {
                    let _ = &log;
                    Idle
                });
                supervisor.start_dynamic(child.name(name)).await.expect("starts");
            }
        } else if random.below(3) == 0 {
            supervisor
                .start_child(probe(log, "added").restart(random.restart()))
                .await
                .expect("starts");
        }
    }
}

struct Idle;
impl actix::Actor for Idle {
    type Context = actix::Context<Self>;
}

fn set(paths: &[ActorPath]) -> BTreeSet<ActorPath> {
    paths.iter().cloned().collect()
}

async fn compare(root: &SupervisorRef, at: &ActorPath, verb: Verb, about: &str) -> bool {
    let before = snapshot(root).await;
    let Ok(radius) = root.dry_run(at, verb).await else {
        let refused = root.steer(at, verb).await;
        assert!(refused.is_err(), "{about}: what the dry run refuses is refused");
        return root.any().is_alive();
    };
    assert_eq!(snapshot(root).await, before, "{about}: a dry run changes nothing");
    // A temporary child is forgotten when it is stopped, and cannot be started again.
    drop(root.steer(at, verb).await);
    settle().await;
    let alive = root.any().is_alive();
    let after = if alive { snapshot(root).await } else { BTreeMap::new() };
    let now = |path: &ActorPath| after.get(path).cloned().flatten();
    let running = before.iter().filter_map(|(path, life)| life.clone().map(|life| (path, life)));
    let stopped: BTreeSet<_> = running
        .filter(|(path, life)| now(path).as_ref() != Some(life))
        .map(|(path, _)| path.clone())
        .collect();
    let started = after
        .iter()
        .filter(|(path, life)| life.is_some() && before.get(*path).cloned().flatten() != **life);
    let started: BTreeSet<_> = started.map(|(path, _)| path.clone()).collect();
    assert_eq!(set(&radius.stopped), stopped, "{about}: stopped");
    assert_eq!(radius.ends_node, !alive, "{about}: ends the node");
    if alive {
        assert_eq!(set(&radius.restarted), started, "{about}: restarted");
        let is_down = |path: &ActorPath| {
            let mut above = path.parent();
            while let Some(at) = above {
                if after.get(&at).is_none_or(Option::is_none) {
                    return true;
                }
                above = at.parent();
            }
            false
        };
        let gone = before.keys().filter(|path| !after.contains_key(*path) && !is_down(path));
        let dropped: BTreeSet<_> =
            radius.dropped.iter().filter(|path| !is_down(path)).cloned().collect();
        assert_eq!(dropped, gone.cloned().collect(), "{about}: dropped");
    }
    alive
}

#[test]
fn x11_a_dry_run_says_what_then_happens() {
    let base = ms_testkit::seed();
    for seed in base..base + 150 {
        paused(|node| async move {
            let (log, mut random) = (Log::default(), Random(seed));
            random.below(2);
            let spec = tree(&mut random, "r", 0, &log);
            let root = start(&node, spec).await;
            populate(&root, &mut random, &log).await;
            for step in 0..6 {
                let all: Vec<ActorPath> = snapshot(&root).await.into_keys().collect();
                let at = all[random.below(all.len() as u64) as usize].clone();
                let verb = [Verb::Kill, Verb::Kill, Verb::Stop, Verb::Restart, Verb::Suspend]
                    [random.below(5) as usize];
                if at == *root.path() && verb != Verb::Kill {
                    continue;
                }
                let about = format!("MS_SEED={seed} step {step}: {verb} {at}");
                if verb == Verb::Suspend {
                    match root.dry_run(&at, verb).await {
                        Ok(radius) => assert_eq!(radius, Default::default(), "{about}"),
                        // As the verb itself would be.
                        Err(error) => assert!(error.to_string().contains("not run"), "{error}"),
                    }
                } else if !compare(&root, &at, verb, &about).await {
                    return;
                }
            }
        });
    }
}
