//! The live differential run: random scenarios, played on Erlang and on us, and compared.
//!
//! [`run`] is the whole of it. A scenario follows from the seed and its number alone; one on
//! which the two differ is made smaller as long as they still do.

mod erlang;
mod generate;
mod processes;
mod random;
mod shrink;

use serde_json::Value;

pub use erlang::{Erlang, ErlangError, is_there};
pub use generate::departs;
pub use shrink::shrink;

use crate::golden::first_difference;
use crate::play::play;

/// The driver for scenarios of supervisors.
pub const SUPERVISOR_DRIVER: &str = include_str!("../../erlang/supervisor.escript");

/// The driver for scenarios of plain processes.
pub const PROCESSES_DRIVER: &str = include_str!("../../erlang/processes.escript");

/// What is made up and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Trees of supervisors.
    Supervisors,
    /// Links, monitors, exit signals, groups and names.
    Processes,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Supervisors, Self::Processes];

    /// The scenario of a seed.
    #[must_use]
    pub fn scenario(self, seed: u64) -> Value {
        match self {
            Self::Supervisors => generate::scenario(seed),
            Self::Processes => processes::scenario(seed),
        }
    }

    /// A driver that plays such scenarios on Erlang.
    ///
    /// # Errors
    /// As [`Erlang::start`].
    pub fn erlang(self) -> Result<Erlang, ErlangError> {
        match self {
            Self::Supervisors => Erlang::start("supervisor", SUPERVISOR_DRIVER),
            Self::Processes => Erlang::start("processes", PROCESSES_DRIVER),
        }
    }

    /// The family of a scenario.
    #[must_use]
    pub fn of(scenario: &Value) -> Self {
        if crate::processes::is_one(scenario) { Self::Processes } else { Self::Supervisors }
    }
}

/// A scenario on which Erlang and we differ, and what either did.
#[derive(Debug, Clone)]
pub struct Disagreement {
    /// The seed of the scenario it was found with.
    pub seed: u64,
    /// Steps it had then.
    pub steps_before: usize,
    /// The smallest scenario found that still differs.
    pub scenario: Value,
    /// What Erlang did.
    pub erlang: Vec<Value>,
    /// What we did; the error where that was no trace.
    pub ours: Result<Vec<Value>, String>,
}

/// What a live run came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Scenarios on which both agree.
    pub agreed: usize,
    /// Lines of their traces.
    pub lines: usize,
    /// Scenarios that Erlang did not bring to rest.
    pub undecided: usize,
    /// The first scenario on which they differ, made small.
    pub disagreement: Option<Disagreement>,
}

/// Plays `count` scenarios from `seed` on, until the first on which Erlang and we differ.
///
/// # Errors
/// [`ErlangError`].
pub fn run(family: Family, count: u64, seed: u64) -> Result<Report, ErlangError> {
    let mut erlang = family.erlang()?;
    let mut report = Report::default();
    for number in 0..count {
        let seed = seed.wrapping_add(number);
        let scenario = family.scenario(seed);
        let theirs = erlang.play(&scenario)?;
        if is_undecided(&theirs) {
            report.undecided += 1;
            continue;
        }
        if agrees(&scenario, &theirs) {
            report.agreed += 1;
            report.lines += theirs.len();
            continue;
        }
        report.disagreement = Some(smallest(&mut erlang, seed, &scenario)?);
        break;
    }
    Ok(report)
}

fn is_undecided(trace: &[Value]) -> bool {
    trace.iter().any(|line| line.get("unsettled").is_some())
}

fn agrees(scenario: &Value, theirs: &[Value]) -> bool {
    play(scenario).is_ok_and(|ours| first_difference(theirs, &ours).is_none())
}

fn smallest(erlang: &mut Erlang, seed: u64, scenario: &Value) -> Result<Disagreement, ErlangError> {
    let mut lost = None;
    let small = shrink(scenario, |candidate| {
        if lost.is_some() || departs(candidate) || crate::scenario::check(candidate).is_err() {
            return false;
        }
        match erlang.play(candidate) {
            Ok(theirs) => !is_undecided(&theirs) && !agrees(candidate, &theirs),
            Err(error) => {
                lost = Some(error);
                false
            }
        }
    });
    if let Some(error) = lost {
        return Err(error);
    }
    let steps_before = scenario["steps"].as_array().map_or(0, Vec::len);
    let theirs = erlang.play(&small)?;
    let ours = play(&small).map_err(|error| error.to_string());
    Ok(Disagreement { seed, steps_before, scenario: small, erlang: theirs, ours })
}
