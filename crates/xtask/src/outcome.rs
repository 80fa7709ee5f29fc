//! The outcome of a step, and how it is printed.

use std::time::{Duration, Instant};

/// The time that CI has for `cargo xtask test` on two cores. It is printed beside the time spent, and
/// not enforced.
const BUDGET: Duration = Duration::from_secs(40 * 60);

/// The outcome of one step. A step fails if, and only if, it has problems.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) notes: Vec<String>,
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    pub(crate) fn note(line: impl Into<String>) -> Self {
        Self { notes: vec![line.into()], problems: Vec::new() }
    }

    pub(crate) fn problem(line: impl Into<String>) -> Self {
        Self { notes: Vec::new(), problems: vec![line.into()] }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Runs steps one after the other and prints each with its duration and the time spent so far.
pub(crate) struct Progress {
    started: Instant,
    failed: Vec<&'static str>,
}

impl Progress {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), failed: Vec::new() }
    }

    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Outcome) {
        println!("==> {name}");
        let began = Instant::now();
        let outcome = work();
        for note in &outcome.notes {
            println!("    {note}");
        }
        for problem in &outcome.problems {
            println!("  ! {problem}");
        }
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("<== {name}: {word} in {} ({})", seconds(began.elapsed()), self.spent());
        if !outcome.is_ok() {
            self.failed.push(name);
        }
    }

    pub(crate) fn spent(&self) -> String {
        let minutes = BUDGET.as_secs() / 60;
        format!("{} of {minutes} min so far", seconds(self.started.elapsed()))
    }

    /// Returns the names of the failed steps, in the order in which they ran.
    pub(crate) fn failed(&self) -> &[&'static str] {
        &self.failed
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
