//! Pre-flight checks: find what is wrong with the surroundings before anything starts.
//!
//! All checks run, each on a plain thread of its own, within one limit. Then all failures are
//! reported together, so that an operator corrects them in one go. A warning is logged, and the
//! boot goes on. The checks run before the node exists, so they may block.

mod checks;

pub use checks::{ClockSane, FileDescriptors, FreeDisk, PanicUnwind, PortFree, StateDirectory};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Something to check before the boot.
pub trait PreFlightCheck: Send + Sync + 'static {
    /// Returns its name, for reports.
    fn name(&self) -> String;

    /// Runs the check. It may block; it fails if it takes longer than the limit of all checks.
    fn execute(&self) -> PreFlightResult;
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreFlightResult {
    /// Everything is in order.
    Pass,
    /// Something should be corrected; the boot goes on.
    Warning(String),
    /// The boot must not go on. The text says what to do about it.
    Fail(String),
}

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOutcome {
    /// Its name.
    pub name: String,
    /// Its result.
    pub result: PreFlightResult,
    /// How long it took.
    pub took: Duration,
}

/// The outcomes of all checks, in the order in which they were added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreFlightReport {
    /// One outcome for each check.
    pub checks: Vec<CheckOutcome>,
}

impl PreFlightReport {
    /// Returns the names and reasons of the checks that failed.
    #[must_use]
    pub fn failures(&self) -> Vec<(&str, &str)> {
        self.checks
            .iter()
            .filter_map(|check| match &check.result {
                PreFlightResult::Fail(reason) => Some((check.name.as_str(), reason.as_str())),
                _ => None,
            })
            .collect()
    }

    fn log(&self) {
        for CheckOutcome { name, result, took } in &self.checks {
            match result {
                PreFlightResult::Pass => tracing::debug!(check = name, ?took, "pre-flight: passed"),
                PreFlightResult::Warning(why) => {
                    tracing::warn!(check = name, why, "pre-flight: warning");
                }
                PreFlightResult::Fail(why) => {
                    tracing::error!(check = name, why, "pre-flight: failed")
                }
            }
        }
    }
}

/// The checks that failed. The text names all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pre-flight check {check} failed: {reason}{}", also_text(.also))]
pub struct PreFlightCheckFailed {
    /// The first that failed.
    pub check: String,
    /// Why.
    pub reason: String,
    /// The others, with their reasons.
    pub also: Vec<(String, String)>,
}

fn also_text(also: &[(String, String)]) -> String {
    also.iter().map(|(check, reason)| format!("; so did {check}: {reason}")).collect()
}

/// Runs all checks within one limit.
///
/// # Errors
/// [`PreFlightCheckFailed`] names all that failed, once all have run.
pub(crate) fn run(
    checks: &[Arc<dyn PreFlightCheck>],
    within: Duration,
) -> Result<PreFlightReport, PreFlightCheckFailed> {
    let report = run_all(checks, within);
    report.log();
    let mut failures = report
        .failures()
        .into_iter()
        .map(|(check, reason)| (check.to_owned(), reason.to_owned()))
        .collect::<Vec<_>>()
        .into_iter();
    match failures.next() {
        Some((check, reason)) => {
            Err(PreFlightCheckFailed { check, reason, also: failures.collect() })
        }
        None => Ok(report),
    }
}

fn run_all(checks: &[Arc<dyn PreFlightCheck>], within: Duration) -> PreFlightReport {
    let (results, received) = mpsc::channel();
    let began = Instant::now();
    let mut outcomes: Vec<Option<CheckOutcome>> = vec![None; checks.len()];
    for (at, check) in checks.iter().enumerate() {
        let (check, results) = (Arc::clone(check), results.clone());
        let look = move || {
            let result = catch_unwind(AssertUnwindSafe(|| check.execute()));
            // After the limit nobody receives the result. The thread is left behind.
            drop(results.send((at, result.ok(), began.elapsed())));
        };
        // Plain threads, no runtime: one check that hangs on a dead network disk must not keep the
        // others from their results.
        let started = thread::Builder::new().name("ms-preflight".to_owned()).spawn(look);
        if let Err(error) = started {
            let result = PreFlightResult::Fail(format!("cannot start a thread for it: {error}"));
            outcomes[at] =
                Some(CheckOutcome { name: checks[at].name(), result, took: Duration::ZERO });
        }
    }
    drop(results);
    while let Ok((at, result, took)) = received.recv_timeout(within.saturating_sub(began.elapsed()))
    {
        let name = checks[at].name();
        let result = result.unwrap_or_else(|| PreFlightResult::Fail("the check panicked".into()));
        outcomes[at] = Some(CheckOutcome { name, result, took });
    }
    let late = |at: usize| CheckOutcome {
        name: checks[at].name(),
        result: PreFlightResult::Fail(format!("the check was not done within {within:?}")),
        took: within,
    };
    let checks = outcomes.into_iter().enumerate();
    PreFlightReport { checks: checks.map(|(at, done)| done.unwrap_or_else(|| late(at))).collect() }
}
