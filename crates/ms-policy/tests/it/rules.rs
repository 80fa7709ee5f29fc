//! One test a rule of `docs/semantics.md`, named after it.
#![allow(clippy::expect_used, unreachable_pub, dead_code, reason = "tests")]

use std::time::Duration;

use Restart::{Permanent, Temporary, Transient};
use Strategy::{OneForAll, OneForOne, RestForOne, SimpleOneForOne};
use ms_core::{
    AutoShutdown, ExitFacts, ExitReason, Restart, Shutdown, StopOrder, Strategy, SupervisorFlags,
    WhenExhausted,
};
use ms_policy::{
    ChildEntry, ChildKey, ChildSpecError, ChildState, Command, CommandError, Counts, Event,
    FlagError, Phase, PidRef, Policy, RECORD_SIZE, Reply, SpecError, Target, Verdict,
};
use rig::{Answer, Rig, boom, ended, entry, flags, id, slow};

use crate::rig;

fn dynamic(max_restarts: u32, restart: Restart) -> (Rig, Vec<ChildKey>) {
    let mut rig = Rig::new(flags(SimpleOneForOne, max_restarts), vec![entry("w", restart)]);
    let keys = (0..3).map(|_| match rig.ask(Command::StartDynamic) {
        Ok(Reply::Started { key, .. }) => key,
        other => panic!("{other:?}"),
    });
    let keys = keys.collect();
    rig.log();
    (rig, keys)
}

#[test]
fn a1_children_start_one_after_another_in_order() {
    let specs = ["a", "b"].map(|name| entry(name, Permanent)).into();
    let mut rig = Rig::around(Policy::new(flags(OneForOne, 1), specs).expect("valid"), rig_now());
    rig.obliging = false;
    rig.feed(Event::Boot);
    assert_eq!(rig.log(), ["start a"]);
    let (key, incarnation) = rig.life("a");
    rig.feed(Event::Started { key, incarnation, info: false });
    assert_eq!(rig.log(), ["start b"]);
    assert_eq!(rig.policy.phase(), Phase::Booting);
}

fn rig_now() -> ms_core::Tick {
    ms_core::Tick::ZERO
}

#[test]
fn a2_flags_are_checked_before_specs_and_all_specs_before_a_start() {
    let twice: Vec<ChildEntry> = vec![entry("a", Permanent), entry("a", Permanent)];
    let mut bad = flags(OneForOne, 1);
    bad.intensity.period = Duration::from_millis(1_500);
    let error = Policy::new(bad, twice.clone()).expect_err("refused");
    assert!(matches!(error, SpecError::SupervisorData(FlagError::InvalidPeriod(_))));
    let error = Policy::new(flags(OneForOne, 1), twice).expect_err("refused");
    assert_eq!(error, SpecError::StartSpec(ChildSpecError::DuplicateChildName(id("a"))));
    let error = Policy::new(flags(SimpleOneForOne, 1), Vec::new()).expect_err("refused");
    assert_eq!(error, SpecError::BadStartSpec(Vec::new()));
}

#[test]
fn a3_a_failed_boot_stops_what_started_in_reverse_order() {
    let specs = ["a", "b", "c"].map(|name| entry(name, Permanent)).into();
    let mut rig = Rig::around(Policy::new(flags(OneForOne, 9), specs).expect("valid"), rig_now());
    rig.script("c", &[Answer::Fail]);
    rig.feed(Event::Boot);
    let log = rig.log();
    assert_eq!(log[3..6], ["report start_error c", "stop b", "stop a"]);
    assert!(log[6].starts_with("boot failed") && log[7].starts_with("exit"), "{log:?}");
}

#[test]
fn a4_an_ignored_child_keeps_its_spec_unless_temporary() {
    let specs = vec![entry("a", Permanent), entry("t", Temporary)];
    let mut rig = Rig::around(Policy::new(flags(OneForOne, 1), specs).expect("valid"), rig_now());
    rig.script("a", &[Answer::Ignore]);
    rig.script("t", &[Answer::Ignore]);
    rig.feed(Event::Boot);
    assert_eq!(rig.state("a"), Some(ChildState::Stopped));
    assert_eq!(rig.state("t"), None);
}

#[test]
fn b1_restart_types_decide_which_ends_restart() {
    let ends = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("x"), boom()];
    for (restart, expected) in [
        (Permanent, [true, true, true, true]),
        (Transient, [false, false, false, true]),
        (Temporary, [false, false, false, false]),
    ] {
        for (reason, again) in ends.iter().zip(expected) {
            let mut rig = Rig::new(flags(OneForOne, 1), vec![entry("a", restart)]);
            rig.exit("a", reason.clone());
            let started = rig.log().contains(&"start a".to_owned());
            assert_eq!(started, again, "{restart:?} {reason}");
        }
    }
}

/// S2.4-07
#[test]
fn b4_an_end_of_an_older_life_is_dropped() {
    let mut rig = Rig::three(OneForOne, 5);
    let (key, incarnation) = rig.life("a");
    rig.exit("a", boom());
    rig.log();
    rig.feed(Event::Exited { key, incarnation, exit: ended(boom()) });
    rig.feed(Event::Exited { key: ChildKey::from_raw(77), incarnation, exit: ended(boom()) });
    assert!(rig.log().is_empty());
}

#[test]
fn c2_one_for_all_stops_in_reverse_and_revives_whoever_was_down() {
    let mut rig = Rig::three(OneForAll, 5);
    rig.terminate("a").expect("ok");
    rig.log();
    rig.exit("b", boom());
    let expected = ["report child_terminated b", "stop c", "start a", "start b", "start c"];
    assert_eq!(rig.log(), expected);
}

#[test]
fn c3_rest_for_one_leaves_earlier_children_alone() {
    let mut rig = Rig::three(RestForOne, 5);
    rig.exit("b", boom());
    assert_eq!(rig.log(), ["report child_terminated b", "stop c", "start b", "start c"]);
}

#[test]
fn c4_temporary_children_taken_along_are_dropped() {
    let specs = vec![entry("a", Permanent), entry("t", Temporary)];
    let mut rig = Rig::new(flags(OneForAll, 5), specs);
    rig.exit("a", boom());
    assert_eq!(rig.log(), ["report child_terminated a", "stop t", "dropped", "start a"]);
}

#[test]
fn c6_a_sibling_whose_exit_waits_is_part_of_the_group_restart() {
    let mut rig = Rig::three(OneForAll, 1);
    rig.feed(Event::Suspend);
    rig.exit("a", boom());
    rig.exit("b", ExitReason::Killed);
    rig.feed(Event::Resume);
    let log = rig.log();
    let expected = ["report child_terminated a", "stop c", "report shutdown_error b", "start a"];
    assert_eq!(log[..4], expected);
    assert_eq!(rig.policy.restarts_in_window(rig.now).0, 1);
}

#[test]
fn c7_a_child_keeps_its_place_over_restarts() {
    let mut rig = Rig::three(OneForOne, 5);
    rig.ask(Command::StartChild(entry("d", Permanent))).expect("ok");
    rig.exit("a", boom());
    let order: Vec<String> = rig.policy.children().map(|child| child.id.to_string()).collect();
    assert_eq!(order, ["a", "b", "c", "d"]);
}

#[test]
fn d1_d2_the_restart_after_the_last_granted_gives_up() {
    let mut rig = Rig::three(OneForOne, 2);
    rig.exit("a", boom());
    rig.exit("b", boom());
    rig.log();
    rig.exit("c", boom());
    let expected = ["report child_terminated c", "report shutdown c", "stop b", "stop a"];
    let log = rig.log();
    assert_eq!(log[..4], expected);
    assert_eq!(log[4], "exit shutdown");
    assert_eq!(rig.decisions.last().map(|d| (d.verdict, d.used)), Some((Verdict::GiveUp, 3)));
}

#[test]
fn d3_administration_does_not_count() {
    let mut rig = Rig::three(OneForOne, 0);
    rig.script("a", &[Answer::Fail]);
    rig.terminate("a").expect("ok");
    let failed = rig.ask(Command::RestartChild(id("a")));
    assert_eq!(failed, Err(CommandError::StartFailed { reason: boom() }));
    rig.ask(Command::RestartChild(id("a"))).expect("ok");
    assert_eq!(rig.policy.phase(), Phase::Idle);
}

#[test]
fn e1_calls_are_answered_between_attempts() {
    let mut rig = Rig::three(OneForOne, 5);
    rig.obliging = false;
    let (key, incarnation) = rig.life("a");
    rig.feed(Event::Exited { key, incarnation, exit: ended(boom()) });
    let ticket = rig.post(Command::CountChildren);
    assert_eq!(rig.reply(ticket), None, "nothing is served while a child starts");
    rig.obliging = true;
    rig.feed(Event::StartFailed { key, incarnation: incarnation.next(), reason: boom() });
    let counts = Counts { specs: 3, active: 2, supervisors: 0, workers: 3 };
    assert_eq!(rig.reply(ticket), Some(Ok(Reply::Counts(counts))));
    assert_eq!(rig.state("a"), Some(ChildState::Running), "and then it was tried again");
}

#[test]
fn e2_each_retry_counts() {
    let mut rig = Rig::three(OneForOne, 3);
    rig.script("a", &[Answer::Fail; 3]);
    rig.exit("a", boom());
    let log = rig.log();
    assert_eq!(log.iter().filter(|line| *line == "start a").count(), 3);
    assert_eq!(log.last().map(String::as_str), Some("exit shutdown"));
    assert_eq!(rig.decisions.len(), 4);
}

#[test]
fn e2_a_bystander_that_fails_to_start_has_no_old_pid() {
    let mut rig = Rig::three(OneForAll, 5);
    rig.exit("a", boom());
    rig.obliging = false;
    rig.exit("b", boom());
    for name in ["c", "a"] {
        let (key, incarnation) = rig.life(name);
        rig.feed(Event::Exited { key, incarnation, exit: ended(ExitReason::Shutdown) });
    }
    let (key, incarnation) = rig.life("a");
    rig.feed(Event::Suspend);
    rig.feed(Event::StartFailed { key, incarnation, reason: boom() });
    let pid = rig.policy.child(key).map(|child| child.pid);
    assert_eq!(pid, Some(PidRef::Restarting(None)), "though a itself had died before");
}

#[test]
fn e3_terminate_child_cancels_the_retry() {
    let mut rig = Rig::three(OneForOne, 5);
    rig.obliging = false;
    let (key, incarnation) = rig.life("a");
    rig.feed(Event::Exited { key, incarnation, exit: ended(boom()) });
    let ticket = rig.post(Command::TerminateChild(Target::Id(id("a"))));
    rig.log();
    rig.feed(Event::StartFailed { key, incarnation: incarnation.next(), reason: boom() });
    assert_eq!(rig.log(), ["report start_error a", "retry a"]);
    assert_eq!(rig.reply(ticket), Some(Ok(Reply::Done)));
    assert_eq!(rig.state("a"), Some(ChildState::Stopped));
}

#[test]
fn e4_a_group_start_that_fails_is_retried_from_the_child_that_failed() {
    let mut rig = Rig::three(RestForOne, 5);
    rig.script("c", &[Answer::Fail]);
    rig.exit("b", boom());
    let expected = [
        "report child_terminated b",
        "stop c",
        "start b",
        "start c",
        "report start_error c",
        "retry c",
        "start c",
    ];
    assert_eq!(rig.log(), expected);
}

#[test]
fn f2_unacceptable_ends_are_reported_and_change_nothing() {
    let mut rig = Rig::three(OneForOne, 5);
    rig.obliging = false;
    let ticket = rig.post(Command::TerminateChild(Target::Id(id("a"))));
    let (key, incarnation) = rig.life("a");
    rig.feed(Event::Exited { key, incarnation, exit: ended(ExitReason::Normal) });
    assert_eq!(rig.log(), ["stop a", "report shutdown_error a"]);
    assert_eq!(rig.reply(ticket), Some(Ok(Reply::Done)));
}

#[test]
fn f4_the_parents_reason_is_passed_on_verbatim() {
    let mut rig = Rig::three(OneForOne, 5);
    rig.feed(Event::Shutdown { reason: boom() });
    assert_eq!(rig.log(), ["stop c", "stop b", "stop a", "exit failed: boom"]);
    assert_eq!(rig.ask(Command::WhichChildren), Err(CommandError::Stopping));
}

#[test]
fn x19_children_that_are_stopped_together_are_all_asked_before_the_first_has_ended() {
    let together = SupervisorFlags { stop_order: StopOrder::Together, ..flags(OneForOne, 5) };
    let specs = ["a", "b", "c"].map(|name| entry(name, Permanent));
    let mut rig = Rig::new(together, specs.into());
    rig.obliging = false;
    rig.feed(Event::Shutdown { reason: ExitReason::Shutdown });
    assert_eq!(rig.log(), ["stop c", "stop b", "stop a"]);
    for name in ["a", "c"] {
        let (key, incarnation) = rig.life(name);
        rig.feed(Event::Exited { key, incarnation, exit: ended(ExitReason::Shutdown) });
        assert!(rig.log().is_empty(), "the rest is waited for");
    }
    let (key, incarnation) = rig.life("b");
    rig.feed(Event::Exited { key, incarnation, exit: ended(boom()) });
    assert_eq!(rig.log(), ["report shutdown_error b", "exit shutdown"]);
}

/// The order of a restart is another matter: who is started again needs those before it.
#[test]
fn x19_a_group_is_stopped_latest_start_first_whatever_the_order_of_the_end() {
    let together = SupervisorFlags { stop_order: StopOrder::Together, ..flags(OneForAll, 5) };
    let specs = ["a", "b", "c"].map(|name| entry(name, Permanent));
    let mut rig = Rig::new(together, specs.into());
    rig.obliging = false;
    let (key, incarnation) = rig.life("a");
    rig.feed(Event::Exited { key, incarnation, exit: ended(boom()) });
    let stops: Vec<_> = rig.log().into_iter().filter(|line| line.starts_with("stop")).collect();
    assert_eq!(stops, ["stop c"], "one at a time");
}

#[test]
fn f6_dynamic_children_are_stopped_at_once_and_reported_by_reason() {
    let (mut rig, keys) = dynamic(1, Permanent);
    rig.obliging = false;
    rig.feed(Event::Shutdown { reason: ExitReason::Shutdown });
    for key in keys {
        rig.exit_key(key, ExitReason::Killed);
    }
    let log = rig.log();
    assert_eq!(log[0], "stop all 3");
    assert_eq!(log[log.len() - 2..], ["report shutdown_error w", "exit shutdown"]);
}

#[test]
fn g1_start_child_errors_in_otps_order() {
    let mut rig = Rig::three(OneForOne, 5);
    let mut bad = entry("a", Transient);
    bad.policy.significant = true;
    let refused = rig.ask(Command::StartChild(bad));
    assert!(matches!(refused, Err(CommandError::InvalidSpec(_))), "spec before duplicate");
    let running = rig.ask(Command::StartChild(entry("a", Permanent)));
    assert!(matches!(running, Err(CommandError::AlreadyStarted { .. })));
    rig.terminate("a").expect("ok");
    let present = rig.ask(Command::StartChild(entry("a", Permanent)));
    assert_eq!(present, Err(CommandError::AlreadyPresent));
    rig.script("d", &[Answer::Fail]);
    rig.log();
    let failed = rig.ask(Command::StartChild(entry("d", Permanent)));
    assert_eq!(failed, Err(CommandError::StartFailed { reason: boom() }));
    assert_eq!(rig.log(), ["start d", "dropped"], "the spec is not kept, nothing is reported");
}

#[test]
fn g4_active_leaves_out_the_dead_whose_exit_waits() {
    let mut rig = Rig::three(OneForOne, 5);
    rig.feed(Event::Suspend);
    let ticket = rig.post(Command::CountChildren);
    rig.exit("b", boom());
    rig.feed(Event::Resume);
    let counts = Counts { specs: 3, active: 2, supervisors: 0, workers: 3 };
    assert_eq!(rig.reply(ticket), Some(Ok(Reply::Counts(counts))));
}

#[test]
fn g5_dynamic_children_are_known_by_key() {
    let (mut rig, keys) = dynamic(5, Transient);
    assert_eq!(rig.terminate("w"), Err(CommandError::SimpleOneForOne));
    let by_key = |key| Command::TerminateChild(Target::Key(key));
    assert_eq!(rig.ask(by_key(keys[0])), Ok(Reply::Done));
    assert_eq!(rig.ask(by_key(keys[0])), Err(CommandError::NotFound), "Q2");
    rig.exit_key(keys[1], boom());
    assert_eq!(rig.policy.child(keys[1]).map(|child| child.state), Some(ChildState::Running));
    rig.exit_key(keys[1], ExitReason::Normal);
    assert!(rig.policy.child(keys[1]).is_none());
    assert_eq!(rig.policy.counts(), Counts { specs: 1, active: 1, supervisors: 0, workers: 1 });
}

#[test]
fn h2_all_significant_waits_for_the_last() {
    let significant = |name| {
        let mut entry = entry(name, Transient);
        entry.policy.significant = true;
        entry
    };
    let auto =
        SupervisorFlags { auto_shutdown: AutoShutdown::AllSignificant, ..flags(OneForOne, 1) };
    let specs = vec![significant("a"), significant("b"), entry("c", Permanent)];
    let mut rig = Rig::new(auto, specs);
    rig.exit("a", ExitReason::Normal);
    assert!(rig.log().is_empty());
    rig.exit("b", ExitReason::Normal);
    assert_eq!(rig.log(), ["stop c", "exit shutdown"]);
}

#[test]
fn i2_a_suspended_supervisor_handles_its_parents_shutdown_only() {
    let mut rig = Rig::three(OneForOne, 5);
    rig.feed(Event::Suspend);
    rig.exit("b", boom());
    let ticket = rig.post(Command::CountChildren);
    assert!(rig.log().is_empty());
    assert_eq!(rig.policy.queued(), 2);
    rig.feed(Event::Shutdown { reason: ExitReason::Shutdown });
    assert_eq!(rig.log(), ["stop c", "report shutdown_error b", "stop a", "exit shutdown"]);
    assert_eq!(rig.reply(ticket), Some(Err(CommandError::Stopping)));
}

#[test]
fn q1_a_dynamic_child_that_ignores_at_its_restart_is_dropped() {
    let (mut rig, keys) = dynamic(5, Permanent);
    rig.script("w", &[Answer::Ignore]);
    rig.exit_key(keys[0], boom());
    assert_eq!(rig.policy.len(), 2);
    rig.feed(Event::Shutdown { reason: ExitReason::Shutdown });
    assert_eq!(rig.log().last().map(String::as_str), Some("exit shutdown"));
}

#[test]
fn max_children_holds_the_place_of_a_restarting_child() {
    let limited = SupervisorFlags { max_children: Some(1), ..flags(SimpleOneForOne, 5) };
    let mut rig = Rig::new(limited, vec![slow("w", 1)]);
    let Ok(Reply::Started { key, .. }) = rig.ask(Command::StartDynamic) else { panic!("starts") };
    rig.exit_key(key, boom());
    let refused = rig.ask(Command::StartDynamic);
    assert_eq!(refused, Err(CommandError::MaxChildren { limit: 1 }));
}

#[test]
fn backoff_delays_grow_and_a_calm_run_resets_them() {
    let mut rig = Rig::new(flags(OneForOne, 100), vec![slow("a", 1)]);
    for delay in [1, 2, 4] {
        rig.exit("a", boom());
        assert_eq!(rig.log()[1..], [format!("delay a {delay}")]);
        assert_eq!(rig.state("a"), Some(ChildState::Restarting));
        rig.ring();
        assert_eq!(rig.log(), ["start a"]);
    }
    rig.advance(Duration::from_secs(100));
    rig.exit("a", boom());
    assert_eq!(rig.log()[1..], ["delay a 1"]);
}

#[test]
fn backoff_restarts_count_once_and_failed_starts_wait_too() {
    let mut rig = Rig::new(flags(OneForOne, 100), vec![slow("a", 1)]);
    rig.script("a", &[Answer::Fail]);
    rig.exit("a", boom());
    assert_eq!(rig.policy.restarts_in_window(rig.now).0, 1);
    rig.ring();
    assert_eq!(rig.log()[2..], ["start a", "report start_error a", "delay a 2"]);
    assert_eq!(rig.policy.restarts_in_window(rig.now).0, 1);
    rig.ring();
    assert_eq!(rig.policy.restarts_in_window(rig.now).0, 2);
    assert_eq!(rig.state("a"), Some(ChildState::Running));
}

#[test]
fn backoff_is_cancelled_by_terminate_child() {
    let mut rig = Rig::new(flags(OneForOne, 100), vec![slow("a", 1)]);
    rig.exit("a", boom());
    assert_eq!(rig.ask(Command::RestartChild(id("a"))), Err(CommandError::Restarting));
    rig.terminate("a").expect("ok");
    rig.log();
    rig.ring();
    assert!(rig.log().is_empty());
    assert_eq!(rig.state("a"), Some(ChildState::Stopped));
}

#[test]
fn backoff_of_a_group_is_the_longest() {
    let specs = vec![entry("a", Permanent), slow("b", 10), entry("c", Permanent)];
    let mut rig = Rig::new(flags(RestForOne, 100), specs);
    rig.exit("b", boom());
    assert_eq!(rig.log(), ["report child_terminated b", "stop c", "delay b 10"]);
    rig.advance(Duration::from_secs(4));
    rig.exit("a", boom());
    assert_eq!(rig.log(), ["report child_terminated a", "delay a 6"]);
    assert_eq!(rig.decisions.last().and_then(|d| d.delay), Some(Duration::from_secs(6)));
    rig.timers.remove(0);
    rig.ring();
    assert_eq!(rig.log(), ["start a", "start b", "start c"]);
}

#[test]
fn x17_over_the_budget_a_restart_waits_and_is_counted_but_nobody_gives_up() {
    let pausing = SupervisorFlags {
        when_exhausted: WhenExhausted::Pause(Duration::from_secs(30)),
        ..flags(OneForOne, 1)
    };
    let mut rig = Rig::new(pausing, vec![entry("a", Permanent), entry("b", Permanent)]);
    rig.exit("a", boom());
    assert_eq!(rig.log(), ["report child_terminated a", "start a"]);
    rig.exit("a", boom());
    assert_eq!(rig.log(), ["report child_terminated a", "delay a 30"]);
    rig.exit("b", boom());
    assert_eq!(rig.log(), ["report child_terminated b", "delay b 30"]);
    assert_eq!(rig.policy.restarts_in_window(rig.now).0, 3);
    rig.ring();
    rig.ring();
    assert_eq!(rig.log(), ["start a", "start b"]);
}

#[test]
fn x16_an_ignore_of_a_child_that_was_taken_for_started_leaves_it_down() {
    let mut rig = Rig::three(OneForAll, 0);
    let (key, incarnation) = rig.life("b");
    rig.feed(Event::Ignored { key, incarnation });
    assert_eq!(rig.log(), Vec::<String>::new(), "no report, no restart, no siblings");
    assert_eq!(rig.policy.child(key).map(|child| child.state), Some(ChildState::Stopped));
}

#[test]
fn an_evacuated_child_restarts_alone_and_uncounted() {
    let mut rig = Rig::three(OneForAll, 0);
    let (key, incarnation) = rig.life("b");
    rig.feed(Event::Evacuated { key, incarnation, exit: ended(ExitReason::ArbiterLost) });
    assert_eq!(rig.log(), ["report child_terminated b", "start b"]);
    assert_eq!(rig.policy.restarts_in_window(rig.now).0, 0);
    assert_eq!(rig.decisions.last().map(|d| d.verdict), Some(Verdict::Evacuate));
}

/// Also of an end that had to wait: what is known of a run belongs to one decision.
#[test]
fn a_decision_gives_back_the_exit_that_came_in_and_a_retry_none() {
    let mut rig = Rig::three(OneForOne, 5);
    let facts = ExitFacts { dropped: 3, injected: true, ..ExitFacts::default() };
    let of = |reason| ended(reason).with_facts(facts.clone());
    let (key, incarnation) = rig.life("a");
    rig.feed(Event::Suspend);
    rig.feed(Event::Exited { key, incarnation, exit: of(boom()) });
    assert!(rig.decisions.is_empty());
    rig.script("a", &[Answer::Fail]);
    rig.feed(Event::Resume);
    let exits: Vec<_> = rig.decisions.iter().map(|decision| decision.exit.clone()).collect();
    assert_eq!(exits, [Some(of(boom())), None]);
}

#[test]
fn a_late_answer_of_a_given_up_attempt_is_dropped() {
    let mut rig = Rig::three(OneForOne, 5);
    rig.obliging = false;
    let (key, old) = rig.life("a");
    rig.exit("a", boom());
    let first = old.next();
    rig.feed(Event::StartFailed { key, incarnation: first, reason: boom() });
    rig.log();
    rig.feed(Event::Started { key, incarnation: first, info: false });
    assert_eq!(rig.state("a"), Some(ChildState::Starting));
    rig.feed(Event::Started { key, incarnation: first.next(), info: false });
    assert_eq!(rig.state("a"), Some(ChildState::Running));
}

#[test]
fn keys_are_never_used_twice_but_their_index_is() {
    let (mut rig, keys) = dynamic(5, Temporary);
    rig.exit_key(keys[1], ExitReason::Normal);
    let Ok(Reply::Started { key, .. }) = rig.ask(Command::StartDynamic) else { panic!("starts") };
    assert_eq!(key.index(), keys[1].index());
    assert_ne!(key, keys[1]);
    assert!(rig.policy.child(keys[1]).is_none());
}

#[test]
fn a_hundred_thousand_dynamic_children_cost_one_record_each() {
    const { assert!(RECORD_SIZE <= 64) }
    let mut rig = Rig::new(flags(SimpleOneForOne, u32::MAX), vec![entry("w", Permanent)]);
    let keys: Vec<ChildKey> = (0..100_000)
        .map(|_| match rig.ask(Command::StartDynamic) {
            Ok(Reply::Started { key, .. }) => key,
            other => panic!("{other:?}"),
        })
        .collect();
    for key in keys {
        rig.exit_key(key, boom());
    }
    assert_eq!(rig.policy.in_state(ChildState::Running), 100_000);
    rig.feed(Event::Shutdown { reason: ExitReason::Shutdown });
    assert!(rig.policy.is_empty());
}

#[test]
fn brutal_kill_accepts_killed_and_nothing_else_of_a_permanent_child() {
    let mut spec = entry("a", Permanent);
    spec.policy.shutdown = Shutdown::BrutalKill;
    for (reason, reported) in [(ExitReason::Killed, false), (ExitReason::Shutdown, true)] {
        let mut rig = Rig::new(flags(OneForOne, 1), vec![spec.clone()]);
        rig.obliging = false;
        rig.post(Command::TerminateChild(Target::Id(id("a"))));
        rig.exit("a", reason);
        assert_eq!(rig.log().len(), 1 + usize::from(reported));
    }
}
