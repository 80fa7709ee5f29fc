//! The simulator: some seeds, twice; scripts that once failed; and that it can fail at all.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use ms_core::Shutdown;
use ms_testkit::sim::{self, Plan, Script, Trick};

/// Seeds of this test, other ones at every run; `cargo xtask simulate` plays thousands.
const SEEDS: u64 = 150;

#[test]
fn random_trees_keep_all_invariants_and_repeat_themselves() {
    let first = ms_testkit::seed();
    for seed in first..first + SEEDS {
        let script = sim::generate(seed);
        let outcome = sim::run(&script);
        assert_eq!(
            outcome.violations,
            [],
            "seed {seed}; replay: cargo xtask simulate --seed {seed}"
        );
        if seed % 5 == 0 {
            assert_eq!(sim::run(&script), outcome, "seed {seed} repeats itself");
        }
    }
}

#[test]
fn seeds_that_once_failed_hold() {
    let mut played = 0;
    for (seed, what) in sim::once_failed() {
        let outcome = sim::run(&sim::generate(seed));
        assert_eq!(outcome.violations, [], "seed {seed}, once: {what}");
        played += 1;
    }
    assert!(played >= 15, "{played} seeds");
}

/// Each was cut down from a seed that found a mistake, named by its file.
#[test]
fn scripts_that_once_failed_hold() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scripts");
    let mut played = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let script: Script =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let outcome = sim::run(&script);
        assert_eq!(outcome.violations, [], "{}", file.display());
        assert_eq!(sim::run(&script).hash, outcome.hash, "{} repeats itself", file.display());
        played += 1;
    }
    assert!(played >= 21, "{played} scripts");
}

#[test]
fn seeds_give_trees_of_all_sizes_and_all_faults() {
    let scripts: Vec<Script> = (1..=400).map(sim::generate).collect();
    let biggest = scripts.iter().map(|script| script.root.size()).max().unwrap();
    let deepest = scripts.iter().map(|script| script.root.depth()).max().unwrap();
    assert!(biggest >= 200, "largest tree {biggest}");
    assert!(deepest >= 6, "five levels of supervisors and leaves below: {deepest}");
    let mut labels: Vec<&str> =
        scripts.iter().flat_map(|s| &s.steps).map(|step| step.what.label()).collect();
    labels.sort_unstable();
    labels.dedup();
    assert!(labels.len() >= 30, "{labels:?}");
    assert_eq!(sim::generate(7), sim::generate(7));
    assert_ne!(sim::generate(7), sim::generate(8));
}

/// A script is data: what is written down is what is played.
#[test]
fn scripts_survive_being_written_down() {
    let script = sim::generate(3);
    let again: Script = serde_json::from_str(&serde_json::to_string(&script).unwrap()).unwrap();
    assert_eq!(again, script);
    assert_eq!(sim::run(&again).hash, sim::run(&script).hash);
    assert!(sim::trace(&script).lines.len() >= script.steps.len());
}

/// A script that breaks an invariant is found, and cut down to what breaks it: here a worker
/// that never stops and whose spec sets it no limit, which no generated tree has.
#[test]
fn a_failing_script_is_cut_down() {
    let mut script = sim::generate(11);
    let leaf = script.root.children.iter().find_map(|child| match child {
        Plan::Leaf(leaf) if leaf.is_tracked() => Some(leaf.clone()),
        _ => None,
    });
    let mut leaf = leaf.expect("the root has a leaf");
    leaf.name = "immortal".to_owned();
    leaf.options.shutdown = Shutdown::Infinity;
    leaf.tricks = (1..20).map(|life| (life, Trick::StopNever)).collect();
    // Others beside it, none of which keeps the tree from starting.
    script.root.children.retain_mut(|child| match child {
        Plan::Leaf(leaf) => {
            leaf.tricks.clear();
            true
        }
        Plan::Sup(_) => false,
    });
    script.root.children.push(Plan::Leaf(leaf));
    assert!(script.root.children.len() > 1 && script.steps.len() > 5, "there is something to cut");
    let outcome = sim::run(&script);
    assert_eq!(outcome.violations.first().map(|broken| broken.rule), Some("orphan"));
    let small = sim::shrink(&script, 2_000).expect("it fails");
    assert_eq!(small.violation.rule, "orphan");
    assert!(small.violation.detail.contains("/root/immortal"), "{}", small.violation.detail);
    assert_eq!(small.script.steps.len(), 0, "{}", small.script);
    assert_eq!(small.script.root.size(), 2, "{}", small.script);
}
