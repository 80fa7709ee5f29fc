//! Runs without a terminal: the result, the oracle, resuming, poison.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use common::{Bench, CRATES, FILES, Run, finish, until_done};

#[test]
fn the_account_balances_and_grep_agrees() {
    let bench = Bench::new();
    let run = bench.baseline();
    // The generated files and eight nasty ones, without the links and the pipe.
    assert_eq!(run.tally("in"), (CRATES * FILES + 8) as u64);
    assert_eq!((run.tally("quarantined"), run.tally("restarts")), (0, 0));
    assert_eq!(run.tally("unsafe_lines"), bench.grep());
    assert!(run.stdout.contains("crate-00"), "{}", run.stdout);
    assert!(!run.stdout.contains('\x1b') && !run.stderr.contains('\x1b'));
    assert!(run.stdout.contains("report: baseline.json\n"));
    assert!(run.stderr.contains("tree up: "), "{}", run.stderr);
}

#[test]
fn a_second_run_resumes_and_a_fresh_one_does_not() {
    let bench = Bench::new();
    let first = bench.baseline();
    let again = bench.run("baseline", &[]);
    again.assert_same_as(&first);
    assert_eq!(again.fact("resumed"), first.tally("in"));
    let resumed = format!("resumed {} done, 0 pending, 0 in doubt\n", first.tally("in"));
    assert!(again.stderr.contains(&resumed), "{}", again.stderr);
    let fresh = bench.run("baseline", &["--fresh"]);
    fresh.assert_same_as(&first);
    assert_eq!(fresh.fact("resumed"), 0);
}

#[test]
fn chaos_changes_nothing_but_the_restarts() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let chaos = bench.run("chaos", &["--chaos", "7", "--rate", "0.05"]);
    chaos.assert_same_as(&baseline);
    assert!(chaos.tally("restarts") > 0 && chaos.fact("redelivered") > 0, "{}", chaos.stdout);
    assert_eq!(chaos.tally("unsafe_lines"), bench.grep());
}

#[test]
fn kill_minus_nine_loses_nothing() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let mut resumed = 0;
    let mut done = 0;
    for _ in 0..3 {
        let mut child = bench.demo("killed", &["--pace", "60"]).spawn().unwrap();
        done = until_done(&mut child, done);
        child.kill().unwrap();
        child.wait().unwrap();
        let known = bench.dir.path().join("killed.json").exists();
        assert!(!known, "it was finished before it was killed");
    }
    let last = bench.run("killed", &[]);
    last.assert_same_as(&baseline);
    resumed += last.fact("resumed");
    println!("resumed {resumed} of {}", last.tally("in"));
    assert!(resumed > 0 && resumed < last.tally("in"), "{resumed}: {}", last.stderr);
    assert!(
        last.stderr.contains("resumed ") && last.stderr.contains(" in doubt"),
        "{}",
        last.stderr
    );
}

#[test]
fn a_file_that_kills_its_auditor_three_times_is_set_aside_and_reported() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let poisoned = |name: &str, more: &[&str]| {
        let run = bench.run(name, &[&["--poison", "crate-03/src/f07.rs"], more].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!((run.tally("in"), run.tally("quarantined")), (baseline.tally("in"), 1));
        run
    };
    let run = poisoned("poison", &[]);
    assert_eq!(run.tally("restarts"), 3);
    let aside = &run.audit()["quarantined"][0];
    assert_eq!(aside["file"], "crate-03/src/f07.rs");
    assert_eq!(aside["reason"]["killed_auditor"]["kills"], 3);
    let last = aside["reason"]["killed_auditor"]["last"].as_str().unwrap();
    assert!(last.contains("poisoned by") && last.contains("auditor.rs:"), "{last}");
    assert!(run.stdout.contains("crate-03/src/f07.rs"), "{}", run.stdout);
    // Injected faults do not count: the same file, and no other, with chaos.
    let chaos = poisoned("poison-chaos", &["--chaos", "3", "--rate", "0.1"]);
    chaos.assert_same_as(&run);
    // It stays quarantined, and kills no auditor any more.
    let again = poisoned("poison", &[]);
    again.assert_same_as(&run);
    assert_eq!(again.tally("restarts"), 0);
}

fn interrupted_by(signal: &str) {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let mut child = bench.demo("interrupted", &["--pace", "60"]).spawn().unwrap();
    until_done(&mut child, 0);
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill").args([&format!("-{signal}"), &id]).status();
    assert!(sent.unwrap().success());
    let json = bench.dir.path().join("interrupted.json");
    let run = Run::of(finish(child), &json);
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(run.stderr.contains("interrupted; ") && run.stdout.is_empty(), "{}", run.stderr);
    let report = format!("shutdown: SIG{signal}; 7 of 7 steps, 5 of 5 components in order, ");
    assert!(run.stderr.contains(&report), "{}", run.stderr);
    let rest = bench.run("interrupted", &[]);
    rest.assert_same_as(&baseline);
    assert!(rest.fact("resumed") > 0 && rest.fact("resumed") < rest.tally("in"));
}

#[test]
fn an_interrupted_run_says_so_and_keeps_what_is_done() {
    interrupted_by("INT");
}

/// The stop signal of a container, and the report of the seven steps.
#[test]
fn a_terminated_run_shuts_down_in_seven_steps_and_is_taken_up_again() {
    interrupted_by("TERM");
}
