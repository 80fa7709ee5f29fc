//! Order, boot and shutdown of components, whatever the components do.
#![allow(clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ms_core::Tick;
use ms_core::lifecycle::{ComponentId, Phase};
use ms_runtime::logic::boot::{
    BootCause, BootEffect, BootEvent, BootMachine, ComponentState as State,
};
use ms_runtime::logic::graph::{DependencyGraph, GraphError, MAX_COMPONENTS, OrderHint};
use ms_runtime::logic::plan::{BootPlan, PlannedComponent};
use ms_runtime::logic::shutdown::{
    FORCE_GRACE, ShutdownEffect, ShutdownEvent, ShutdownMachine, ShutdownPhase as Step,
    StopOutcome, over_by,
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
/// The time for a boot, in tests of something else.
const WHOLE: Duration = Duration::from_secs(3_600);

fn id(text: &str) -> ComponentId {
    ComponentId::new(text).expect("valid")
}

fn ids(text: &str) -> Vec<ComponentId> {
    text.split_whitespace().map(id).collect()
}

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

fn planned(name: &str, needs: &str, phase: Phase) -> PlannedComponent {
    PlannedComponent {
        id: id(name),
        needs: ids(needs),
        phase,
        start_within: 5 * SECOND,
        stop_within: 5 * SECOND,
    }
}

/// Components without needs in one phase, or with: `"b: a"`.
fn plan(lines: &[&str]) -> BootPlan {
    let components = lines.iter().map(|line| {
        let (name, needs) = line.split_once(':').unwrap_or((line, ""));
        planned(name, needs, Phase::Core)
    });
    BootPlan::new(components.collect(), &OrderHint::default()).expect("valid")
}

// ---- the graph ----

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

// ---- the boot ----

/// A boot with its clock and the effects it has ordered.
struct Boot {
    machine: BootMachine<String>,
    now: Tick,
    log: Vec<BootEffect>,
}

impl Boot {
    fn new(plan: BootPlan) -> Self {
        Self::within(plan, WHOLE)
    }

    fn within(plan: BootPlan, within: Duration) -> Self {
        let machine = BootMachine::new(plan, within);
        let mut boot = Self { machine, now: Tick::ZERO, log: Vec::new() };
        boot.feed(BootEvent::Begin);
        boot.feed(BootEvent::PreflightDone(Ok(())));
        boot
    }

    fn feed(&mut self, event: BootEvent<String>) {
        let effects = self.machine.handle(self.now, event);
        self.log.extend(effects);
    }

    fn started(&mut self, names: &str) {
        ids(names).into_iter().for_each(|id| self.feed(BootEvent::Started(id)));
    }

    fn failed(&mut self, name: &str) {
        self.feed(BootEvent::Failed(id(name), format!("{name} is broken")));
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.feed(BootEvent::Elapsed);
    }

    /// Returns the orders about components since the last call.
    fn orders(&mut self) -> Vec<String> {
        let text = |effect| match effect {
            BootEffect::Start(id) => Some(format!("start {id}")),
            BootEffect::Stop(id) => Some(format!("stop {id}")),
            BootEffect::Abort(id) => Some(format!("abort {id}")),
            BootEffect::Verify => Some("verify".to_owned()),
            BootEffect::Ready => Some("ready".to_owned()),
            BootEffect::RolledBack => Some("rolled back".to_owned()),
            _ => None,
        };
        std::mem::take(&mut self.log).into_iter().filter_map(text).collect()
    }

    fn undo(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let orders = self.orders();
            let last = orders.last().cloned();
            all.extend(orders);
            match last.as_deref().and_then(|last| last.split_once(' ')) {
                Some(("stop" | "abort", name)) => {
                    self.feed(BootEvent::Stopped(id(name), None));
                }
                _ => return all,
            }
        }
    }
}

/// S2.1-10, S4.2-04
#[test]
fn a_level_starts_at_once_and_the_next_one_when_all_of_it_has_started() {
    let mut boot = Boot::new(plan(&["a", "b", "c:a b"]));
    assert_eq!(boot.orders(), ["start a", "start b"]);
    boot.started("b");
    assert!(boot.orders().is_empty());
    boot.started("a");
    assert_eq!(boot.orders(), ["start c"]);
    boot.started("c");
    assert_eq!(boot.orders(), ["verify"]);
    boot.feed(BootEvent::Verified(Ok(())));
    assert_eq!(boot.orders(), ["ready"]);
    assert!(boot.machine.is_ready() && boot.machine.next_deadline().is_none());
    boot.feed(BootEvent::Cancel { grace: SECOND });
    assert!(boot.orders().is_empty(), "too late to be called off");
}

/// S4.1-01: all eleven, in order, and the watch is armed in phase 8.
/// S4.1-10
#[test]
fn all_eleven_phases_are_entered_in_order() {
    let mut boot = Boot::new(plan(&[]));
    boot.feed(BootEvent::Verified(Ok(())));
    let entered = boot.log.iter().filter_map(|effect| match effect {
        BootEffect::Enter(phase) => Some(*phase),
        _ => None,
    });
    assert_eq!(entered.collect::<Vec<_>>(), Phase::ALL);
    let arm = boot.log.iter().position(|effect| *effect == BootEffect::Arm).expect("armed");
    assert_eq!(boot.log[arm - 1], BootEffect::Enter(Phase::Supervision));
    let report = boot.machine.report(boot.now);
    assert_eq!(report.phases.iter().map(|timing| timing.phase).collect::<Vec<_>>(), Phase::ALL);
}

/// S4.1-02
#[test]
fn a_failed_check_ends_the_boot_before_anything_is_started() {
    let mut machine = BootMachine::new(plan(&["a"]), WHOLE);
    machine.handle(Tick::ZERO, BootEvent::Begin);
    let effects = machine.handle(Tick::ZERO, BootEvent::PreflightDone(Err("no disk".to_owned())));
    assert_eq!(effects, [BootEffect::RolledBack]);
    assert_eq!(machine.failure().map(|failure| failure.phase), Some(Phase::Preflight));
}

/// S4.2-06: the first error is kept, same-level successes are stopped too, in reverse.
#[test]
fn a_failure_stops_all_that_was_launched_in_reverse() {
    let mut boot = Boot::new(plan(&["a", "b:a", "c:a", "d:a", "e:b"]));
    boot.started("a");
    boot.started("d");
    boot.failed("b");
    boot.orders();
    assert!(!boot.machine.is_over(), "c is awaited");
    boot.started("c");
    assert_eq!(boot.undo(), ["stop d", "stop c", "abort b", "stop a", "rolled back"]);
    let failure = boot.machine.into_failure().expect("failed");
    assert_eq!(failure.culprit, Some(id("b")));
    assert_eq!(failure.cause, BootCause::Failed("b is broken".to_owned()));
    assert!(failure.rollback.is_empty());
}

/// S4.2-06: an error of the rollback does not hide the first error, nor stop the rollback.
#[test]
fn errors_of_the_rollback_are_collected_beside_the_first() {
    let mut boot = Boot::new(plan(&["a", "b:a"]));
    boot.started("a");
    boot.failed("b");
    boot.feed(BootEvent::Stopped(id("b"), None));
    boot.feed(BootEvent::Stopped(id("a"), Some("a will not stop".to_owned())));
    assert!(boot.machine.is_over());
    let failure = boot.machine.into_failure().expect("failed");
    assert_eq!(failure.culprit, Some(id("b")));
    assert_eq!(failure.rollback, [(id("a"), "a will not stop".to_owned())]);
}

/// S4.2-05
#[test]
fn a_component_that_is_not_ready_in_its_time_is_named_and_the_rest_undone() {
    let mut boot = Boot::new(plan(&["quick", "slow"]));
    boot.started("quick");
    assert_eq!(boot.machine.next_deadline(), Some(Tick::from_millis(5000)));
    boot.wait(4 * SECOND);
    assert!(boot.machine.failure().is_none());
    boot.wait(SECOND);
    boot.orders();
    let failure = boot.machine.failure().cloned().expect("failed");
    assert_eq!(failure.culprit, Some(id("slow")));
    assert_eq!(failure.cause, BootCause::TimedOut(5 * SECOND));
    boot.started("slow");
    assert!(boot.orders().is_empty(), "a late success changes nothing");
    assert_eq!(boot.machine.state(&id("slow")), Some(State::Stopping));
}

/// S4.1-12: not healthy enough is a failure like another, with a culprit.
#[test]
fn a_boot_that_is_not_healthy_in_the_end_is_undone() {
    let mut boot = Boot::new(plan(&["a"]));
    boot.started("a");
    boot.orders();
    boot.feed(BootEvent::Verified(Err((Some(id("a")), "unhealthy".to_owned()))));
    assert_eq!(boot.undo(), ["stop a", "rolled back"]);
    assert_eq!(boot.machine.phase(), Phase::Verification);
}

/// The boot as a whole has a deadline, whatever time its parts have, with the final health check.
#[test]
fn a_boot_that_takes_too_long_as_a_whole_fails_and_is_undone() {
    let mut boot = Boot::within(plan(&["a", "b:a", "c:a"]), 2 * SECOND);
    boot.started("a");
    boot.orders();
    assert_eq!(boot.machine.next_deadline(), Some(Tick::from_millis(2000)));
    boot.wait(SECOND);
    assert!(boot.machine.failure().is_none(), "there is time left");
    boot.started("b");
    boot.wait(SECOND);
    assert_eq!(boot.undo(), ["abort c", "stop b", "stop a", "rolled back"]);
    let failure = boot.machine.failure().expect("too long");
    let too_long = BootCause::TooLong { within: 2 * SECOND, waiting: ids("c") };
    assert_eq!((&failure.culprit, &failure.cause), (&None, &too_long));

    let mut boot = Boot::within(plan(&["a"]), SECOND);
    boot.started("a");
    boot.orders();
    assert_eq!(boot.machine.phase(), Phase::Verification);
    boot.wait(SECOND);
    assert_eq!(boot.undo(), ["stop a", "rolled back"]);
    boot.feed(BootEvent::Verified(Ok(())));
    assert!(!boot.machine.is_ready(), "a late look changes nothing");
}

/// RELIABILITY 57: SIGTERM during boot.
#[test]
fn a_boot_that_is_called_off_waits_a_grace_for_what_is_under_way_and_rolls_back() {
    let mut boot = Boot::new(plan(&["a", "b:a", "c:a", "d:b"]));
    boot.started("a");
    boot.started("b");
    boot.feed(BootEvent::Cancel { grace: SECOND });
    boot.orders();
    assert_eq!(boot.machine.next_deadline(), Some(Tick::from_millis(1000)));
    boot.wait(SECOND);
    assert_eq!(boot.undo(), ["abort c", "stop b", "stop a", "rolled back"]);
    let failure = boot.machine.failure().expect("called off");
    assert_eq!((&failure.culprit, &failure.cause), (&None, &BootCause::Cancelled));
}

/// F14, pure: a failure at each component k of n, for every n up to 12.
#[test]
fn a_failure_at_any_component_undoes_exactly_what_was_launched() {
    for n in 1..=12 {
        let names: Vec<_> = (0..n).map(|k| format!("c{k:02}")).collect();
        let lines: Vec<_> =
            (0..n)
                .map(|k| {
                    if k == 0 { names[0].clone() } else { format!("{}:{}", names[k], names[k - 1]) }
                })
                .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        for k in 0..n {
            let mut boot = Boot::new(plan(&lines));
            names[..k].iter().for_each(|name| boot.started(name));
            boot.failed(&names[k]);
            boot.log.retain(|effect| !matches!(effect, BootEffect::Start(_)));
            let mut expected = vec![format!("abort {}", names[k])];
            expected.extend(names[..k].iter().rev().map(|name| format!("stop {name}")));
            expected.push("rolled back".to_owned());
            assert_eq!(boot.undo(), expected, "component {k} of {n}");
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Reaction {
    Starts,
    Fails,
    Hangs,
}

fn reactions() -> impl Strategy<Value = Vec<(Reaction, u16, BTreeSet<usize>)>> {
    let reaction = prop_oneof![8 => Just(Reaction::Starts), 1 => Just(Reaction::Fails), 1 => Just(Reaction::Hangs)];
    let needs = prop::collection::btree_set(0..12_usize, 0..4);
    prop::collection::vec((reaction, any::<u16>(), needs), 1..12)
}

proptest! {
    /// Whatever starts, fails or hangs, in whichever order the answers come.
    #[test]
    fn boots_keep_their_promises(reactions in reactions(), cancel_at in prop::option::of(0..12_usize)) {
        let name = |k: usize| format!("c{k}");
        let components = reactions.iter().enumerate().map(|(k, (_, _, needs))| {
            let needs: Vec<_> = needs.iter().filter(|need| **need < k).map(|need| name(*need)).collect();
            planned(&name(k), &needs.join(" "), Phase::ALL[2 + 7 * k / 12])
        });
        let plan = BootPlan::new(components.collect(), &OrderHint::default()).expect("no cycle");
        let needs: BTreeMap<_, Vec<_>> = (0..reactions.len())
            .map(|k| (id(&name(k)), plan.component(&id(&name(k))).expect("there").needs.clone()))
            .collect();
        let mut boot = Boot::new(plan);
        let (mut launched, mut undone, mut steps) = (Vec::new(), Vec::new(), 0);
        while !boot.machine.is_over() {
            for effect in std::mem::take(&mut boot.log) {
                match effect {
                    BootEffect::Start(id) => {
                        for need in &needs[&id] {
                            prop_assert_eq!(boot.machine.state(need), Some(State::Up));
                        }
                        prop_assert!(undone.is_empty(), "nothing starts on the way back");
                        launched.push(id);
                    }
                    BootEffect::Stop(id) | BootEffect::Abort(id) => {
                        undone.push(id.clone());
                        boot.feed(BootEvent::Stopped(id, None));
                    }
                    BootEffect::Verify => boot.feed(BootEvent::Verified(Ok(()))),
                    _ => {}
                }
            }
            if cancel_at == Some(steps) {
                boot.feed(BootEvent::Cancel { grace: SECOND });
            }
            steps += 1;
            prop_assert!(steps < 1000, "it comes to an end");
            // One of those under way answers, picked by its number; if none can, time passes.
            let open = launched.iter().filter(|id| boot.machine.state(id) == Some(State::Starting));
            let reaction_of = |id: &ComponentId| {
                let k: usize = id.as_str()[1..].parse().expect("a number");
                (reactions[k].0, reactions[k].1)
            };
            let next = open.filter(|id| !matches!(reaction_of(id).0, Reaction::Hangs)).min_by_key(|id| reaction_of(id).1);
            match next.cloned() {
                Some(id) if matches!(reaction_of(&id).0, Reaction::Starts) => boot.feed(BootEvent::Started(id)),
                Some(id) => boot.feed(BootEvent::Failed(id, "broken".to_owned())),
                None => boot.wait(SECOND),
            }
        }
        let failed = boot.machine.failure().is_some();
        prop_assert_eq!(failed, !boot.machine.is_ready());
        if failed {
            launched.reverse();
            prop_assert_eq!(launched, undone, "all that was launched, in reverse, once");
            prop_assert_eq!(boot.machine.running().count(), 0);
        } else {
            prop_assert_eq!(boot.machine.running().count(), reactions.len());
        }
    }
}

// ---- the shutdown ----

fn components(names: &str) -> Vec<(ComponentId, Duration)> {
    ids(names).into_iter().map(|id| (id, 5 * SECOND)).collect()
}

fn at(second: u64) -> Tick {
    Tick::from_millis(second * 1000)
}

fn begin(names: &str) -> ShutdownMachine<String> {
    let mut machine = ShutdownMachine::new(components(names), 100 * SECOND);
    machine.handle(at(0), ShutdownEvent::Begin);
    machine
}

fn done(step: Step) -> ShutdownEvent<String> {
    ShutdownEvent::StepDone(step, Vec::new())
}

fn until_components(machine: &mut ShutdownMachine<String>, now: Tick) -> Vec<ShutdownEffect> {
    machine.handle(now, done(Step::Signal));
    machine.handle(now, done(Step::StopAccepting));
    machine.handle(now, done(Step::Drain))
}

/// S5.1-14: one deadline, split; the parts are in order and end with it.
#[test]
fn the_deadline_is_split_among_the_seven_steps() {
    let moments = Step::ALL.map(|step| over_by(at(0), 100 * SECOND, step));
    assert!(moments.is_sorted() && moments[0] > at(0));
    assert_eq!(moments[6], at(100));
    assert_eq!(Step::ALL.map(Step::number), [1, 2, 3, 4, 5, 6, 7]);
}

/// S5.1-07, S5.1-12, S5.1-14
#[test]
fn seven_steps_run_in_order_and_components_stop_in_reverse_one_by_one() {
    let mut machine = begin("a b");
    assert_eq!(machine.handle(at(0), ShutdownEvent::Begin), [], "twice is once");
    let effects = until_components(&mut machine, at(0));
    let stop_components = ShutdownEffect::Step(Step::StopComponents, at(76));
    assert_eq!(effects, [stop_components, ShutdownEffect::Stop(id("b"), at(5))]);
    assert_eq!(machine.handle(at(1), done(Step::StopComponents)), [], "not before the last");
    let effects = machine.handle(at(1), ShutdownEvent::Stopped(id("b"), Ok(())));
    assert_eq!(effects, [ShutdownEffect::Stop(id("a"), at(6))]);
    let effects = machine.handle(at(2), ShutdownEvent::Stopped(id("a"), Ok(())));
    assert_eq!(effects, [ShutdownEffect::Step(Step::Persist, at(86))]);
    machine.handle(at(2), done(Step::Persist));
    machine.handle(at(2), done(Step::Release));
    assert_eq!(machine.handle(at(3), done(Step::Cleanup)), [ShutdownEffect::Finished]);
    let report = machine.into_report();
    assert!(report.is_clean(), "{report:?}");
    let steps: Vec<_> = report.steps.iter().map(|step| step.phase).collect();
    assert_eq!((steps.as_slice(), report.total), (&Step::ALL[..], 3 * SECOND));
}

/// S5.1-06: the seed's drain had no limit.
#[test]
fn a_drain_that_hangs_is_cut_at_its_moment() {
    let mut machine = begin("a");
    machine.handle(at(0), done(Step::Signal));
    machine.handle(at(0), done(Step::StopAccepting));
    assert_eq!(machine.next_deadline(), Some(at(46)));
    assert_eq!(machine.handle(at(45), ShutdownEvent::Elapsed), []);
    let effects = machine.handle(at(46), ShutdownEvent::Elapsed);
    let stop_components = ShutdownEffect::Step(Step::StopComponents, at(76));
    assert_eq!(effects, [stop_components, ShutdownEffect::Stop(id("a"), at(51))]);
    assert!(machine.report().steps.last().expect("drained").late);
}

/// S5.1-08: late ones are forced, and left behind when even that does not help.
#[test]
fn a_component_that_is_late_is_forced_and_the_rest_still_stop() {
    let mut machine = begin("a b c");
    until_components(&mut machine, at(0));
    assert_eq!(machine.handle(at(5), ShutdownEvent::Elapsed), [ShutdownEffect::Force(id("c"))]);
    let effects = machine.handle(at(5), ShutdownEvent::Stopped(id("c"), Ok(())));
    assert_eq!(effects, [ShutdownEffect::Stop(id("b"), at(10))]);
    assert_eq!(machine.handle(at(10), ShutdownEvent::Elapsed), [ShutdownEffect::Force(id("b"))]);
    let given_up = at(10) + FORCE_GRACE;
    let effects = machine.handle(given_up, ShutdownEvent::Elapsed);
    assert_eq!(effects, [ShutdownEffect::Stop(id("a"), given_up + 5 * SECOND)]);
    let outcomes: Vec<_> = machine.report().components.iter().map(|stop| &stop.outcome).collect();
    assert_eq!(outcomes, [&StopOutcome::Forced, &StopOutcome::Abandoned]);
}

/// S5.1-09: in the seed an error skipped what came after it.
#[test]
fn an_error_in_one_step_skips_none() {
    let mut machine = begin("a");
    for step in [Step::Signal, Step::StopAccepting, Step::Drain] {
        machine.handle(at(0), ShutdownEvent::StepDone(step, vec![format!("{step:?}")]));
    }
    machine.handle(at(0), ShutdownEvent::Stopped(id("a"), Err("a broke".to_owned())));
    for step in [Step::Persist, Step::Release, Step::Cleanup] {
        machine.handle(at(0), ShutdownEvent::StepDone(step, vec![format!("{step:?}")]));
    }
    let report = machine.into_report();
    let errors: Vec<_> = report.steps.iter().flat_map(|step| step.errors.clone()).collect();
    assert_eq!(errors, ["Signal", "StopAccepting", "Drain", "Persist", "Release", "Cleanup"]);
    assert_eq!(report.components[0].outcome, StopOutcome::Failed("a broke".to_owned()));
    assert!(!report.is_clean());
}

/// S5.1-03, RELIABILITY 57: the second signal forces, the third changes nothing.
#[test]
fn a_second_signal_is_an_emergency_once() {
    let mut machine = begin("a");
    until_components(&mut machine, at(0));
    assert_eq!(machine.handle(at(1), ShutdownEvent::Hurry), [ShutdownEffect::Emergency]);
    assert_eq!(machine.handle(at(1), ShutdownEvent::Hurry), []);
    assert_eq!(machine.handle(at(2), ShutdownEvent::Stopped(id("a"), Ok(()))), []);
    assert!(machine.report().hurried && machine.next_deadline().is_none());
}

proptest! {
    /// Whatever hangs: every step has its turn, every component is told, and all is over in time.
    #[test]
    fn shutdowns_end_within_their_deadline(
        hangs in prop::collection::vec(any::<bool>(), 0..12),
        late in prop::collection::vec(any::<bool>(), 7),
    ) {
        let started: Vec<_> =
            (0..hangs.len()).map(|k| (id(&format!("c{k}")), 5 * SECOND)).collect();
        let deadline = 20 * SECOND;
        let mut machine = ShutdownMachine::<String>::new(started.clone(), deadline);
        let mut now = at(7);
        let mut effects = machine.handle(now, ShutdownEvent::Begin);
        let (mut steps, mut stopped, mut finished) = (Vec::new(), Vec::new(), false);
        while !finished {
            let mut next = Vec::new();
            for effect in std::mem::take(&mut effects) {
                match effect {
                    ShutdownEffect::Step(step, until) => {
                        steps.push(step);
                        prop_assert!(until <= at(7) + deadline);
                        if !late[usize::from(step.number()) - 1] {
                            next.extend(machine.handle(now, done(step)));
                        }
                    }
                    ShutdownEffect::Stop(id, until) => {
                        prop_assert!(until <= over_by(at(7), deadline, Step::StopComponents));
                        let k: usize = id.as_str()[1..].parse().expect("a number");
                        stopped.push(id.clone());
                        if !hangs[k] {
                            next.extend(machine.handle(now, ShutdownEvent::Stopped(id, Ok(()))));
                        }
                    }
                    ShutdownEffect::Force(_) => {}
                    ShutdownEffect::Finished => finished = true,
                    ShutdownEffect::Emergency => prop_assert!(false, "nobody hurried"),
                }
            }
            effects = next;
            if effects.is_empty() && !finished {
                now = machine.next_deadline().expect("time limits every wait");
                effects = machine.handle(now, ShutdownEvent::Elapsed);
            }
        }
        let order: Vec<_> = started.into_iter().rev().map(|(id, _)| id).collect();
        prop_assert_eq!(order, stopped);
        prop_assert_eq!(steps, Step::ALL);
        prop_assert!(now <= at(7) + deadline);
    }
}
