//! The order of components: levels, cycles, phases.

use ms_core::lifecycle::{ComponentId, Phase};
use ms_runtime::logic::graph::{DependencyGraph, GraphError, MAX_COMPONENTS, OrderHint};
use ms_runtime::logic::plan::BootPlan;

use super::{id, ids, planned};

/// `"b: a"` is b, which needs a.
fn graph(lines: &[&str]) -> Result<DependencyGraph, GraphError> {
    DependencyGraph::new(lines.iter().map(|line| {
        let (name, needs) = line.split_once(':').unwrap_or((line, ""));
        (id(name), ids(needs))
    }))
}

fn levels(lines: &[&str], hint: &str) -> Vec<Vec<ComponentId>> {
    graph(lines).expect("valid").levels(&OrderHint::new(ids(hint)))
}

/// S4.2-03: the seed put all of a chain into one level.
#[test]
fn a_level_needs_only_earlier_levels() {
    assert_eq!(levels(&["c:b", "b:a", "a"], ""), [ids("a"), ids("b"), ids("c")]);
    let diamond = levels(&["top:left right", "left:base", "right:base", "base"], "");
    assert_eq!(diamond, [ids("base"), ids("left right"), ids("top")]);
    assert_eq!(levels(&["a", "c:a b", "b:a"], ""), [ids("a"), ids("b"), ids("c")]);
    assert!(levels(&[], "").is_empty());
}

/// S4.2-02
#[test]
fn the_order_does_not_depend_on_the_order_of_declaring() {
    let one = levels(&["z", "m:z", "a", "b:a z"], "");
    let other = levels(&["b:z a", "a", "m:z", "z"], "");
    assert_eq!(one, other);
    assert_eq!(one, [ids("a z"), ids("b m")]);
}

/// S7.1-09, C1
#[test]
fn a_wished_order_breaks_ties_and_an_impossible_one_is_refused() {
    let lines = ["logging", "metrics", "database", "cache:database"];
    assert_eq!(
        levels(&lines, "metrics logging transport"),
        [ids("metrics logging database"), ids("cache")]
    );
    let graph = graph(&lines).expect("valid");
    let error = graph.check_hint(&OrderHint::new(ids("logging cache database"))).expect_err("no");
    let text = error.to_string();
    assert!(text.contains("cache before database"), "{text}");
    assert!(graph.check_hint(&OrderHint::new(ids("logging logging"))).is_err());
    assert_eq!(graph.check_hint(&OrderHint::new(ids("database cache"))), Ok(()));
}

/// S2.1-08
#[test]
fn an_unknown_dependency_is_named() {
    let error = graph(&["api:store cache", "store"]).expect_err("unknown");
    let expected = GraphError::UnknownDependency { component: id("api"), dependency: id("cache") };
    assert_eq!(error, expected);
    assert!(error.to_string().contains("api needs cache"), "{error}");
}

/// S2.1-09
#[test]
fn a_cycle_is_named_as_a_path_that_ends_where_it_began() {
    let error = graph(&["a:b", "b:a", "c"]).expect_err("a cycle");
    assert_eq!(error, GraphError::Cycle(ids("a b a")));
    assert!(error.to_string().contains("a -> b -> a"), "{error}");
    assert_eq!(graph(&["a:a"]).expect_err("a cycle"), GraphError::Cycle(ids("a a")));
    // What leads into a cycle, or hangs below it, is no part of it.
    let error = graph(&["in:x", "x:y", "y:z", "z:x base", "base"]).expect_err("a cycle");
    assert_eq!(error, GraphError::Cycle(ids("x y z x")));
}

/// S2.1-07, S2.1-11
#[test]
fn duplicates_and_too_many_are_refused() {
    assert_eq!(graph(&["a", "a"]).expect_err("twice"), GraphError::Duplicate(id("a")));
    let many = (0..=MAX_COMPONENTS).map(|n| (id(&format!("c{n}")), Vec::new()));
    assert!(matches!(DependencyGraph::new(many), Err(GraphError::TooMany(1025))));
    assert!(ComponentId::new("Data").is_err() && ComponentId::new("x".repeat(65)).is_err());
    assert_eq!(format!("{} {:?}", id("a-1"), id("a-1")), "a-1 \"a-1\"");
}

/// The longest chain there can be, which is what levels recurse over.
#[test]
fn a_chain_of_all_components_has_a_level_each() {
    let chain = (0..MAX_COMPONENTS).map(|n| {
        let needs = if n == 0 { vec![] } else { vec![id(&format!("c{}", n - 1))] };
        (id(&format!("c{n}")), needs)
    });
    let graph = DependencyGraph::new(chain).expect("valid");
    assert_eq!(graph.levels(&OrderHint::default()).len(), MAX_COMPONENTS);
}

/// S4.1-01, C1, S1.1-04
#[test]
fn phases_are_data_and_a_need_of_a_later_phase_is_refused() {
    assert_eq!(Phase::ALL.map(Phase::number), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let make = |needs: &str, phase| {
        let parts = vec![planned("store", "", Phase::Data), planned("x", needs, phase)];
        BootPlan::new(parts, &OrderHint::default())
    };
    assert!(make("store", Phase::Applications).is_ok());
    let error = make("store", Phase::Observability).expect_err("too early").to_string();
    assert!(error.contains("x starts in phase 3 and needs store"), "{error}");
    let error = make("", Phase::Verification).expect_err("no place").to_string();
    assert!(error.contains("phase 10 (verification)"), "{error}");
    let plan = make("store", Phase::Data).expect("valid");
    assert_eq!(plan.levels(Phase::Data), [ids("store"), ids("x")]);
    assert_eq!(plan.start_order(), ids("store x"));
}
