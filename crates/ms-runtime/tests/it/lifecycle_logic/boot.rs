//! The boot: levels, failures, rollbacks and its limits of time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ms_core::Tick;
use ms_core::lifecycle::{ComponentId, Phase};
use ms_runtime::logic::boot::{
    BootCause, BootEffect, BootEvent, BootMachine, ComponentState as State,
};
use ms_runtime::logic::graph::OrderHint;
use ms_runtime::logic::plan::BootPlan;
use proptest::prelude::*;

use super::{SECOND, id, ids, plan, planned};

/// The time for a boot, in tests of something else.
const WHOLE: Duration = Duration::from_secs(3_600);

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
