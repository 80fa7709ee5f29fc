//! The shutdown: its seven steps, their deadlines, and a second signal.

use std::time::Duration;

use ms_core::Tick;
use ms_core::lifecycle::ComponentId;
use ms_runtime::logic::shutdown::{
    FORCE_GRACE, ShutdownEffect, ShutdownEvent, ShutdownMachine, ShutdownPhase as Step,
    StopOutcome, over_by,
};
use proptest::prelude::*;

use super::{SECOND, id, ids};

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
