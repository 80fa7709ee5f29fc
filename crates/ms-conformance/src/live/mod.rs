//! The live differential run: random scenarios, played on Erlang and on us, and compared.
//!
//! [`run`] does all of it. A scenario follows from its seed alone. One on which the two differ is cut
//! down while they still differ.

mod erlang;
mod generate;
mod processes;
mod random;
mod shrink;

use std::collections::BTreeMap;
use std::fmt;

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

/// Differences after which a run is given up: more of them say nothing new.
const MAX_DIFFERENCES: usize = 20;

/// A family of scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Trees of supervisors.
    Supervisors,
    /// Links, monitors, exit signals, groups and names.
    Processes,
}

impl Family {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::Supervisors, Self::Processes];

    /// Returns the seeds on which the two once differed. Every run plays them first.
    #[must_use]
    pub const fn once_differed(self) -> &'static [u64] {
        match self {
            // The driver listed one of two supervisors with the same arguments twice.
            Self::Supervisors => &[20_261_842],
            Self::Processes => &[],
        }
    }

    /// Returns the scenario of a seed.
    #[must_use]
    pub fn scenario(self, seed: u64) -> Value {
        match self {
            Self::Supervisors => generate::scenario(seed),
            Self::Processes => processes::scenario(seed),
        }
    }

    /// Starts a driver that plays such scenarios on Erlang.
    ///
    /// # Errors
    /// [`ErlangError::Missing`] without Erlang, [`ErlangError::Io`] if the driver does not start.
    pub fn erlang(self) -> Result<Erlang, ErlangError> {
        match self {
            Self::Supervisors => Erlang::start("supervisor", SUPERVISOR_DRIVER),
            Self::Processes => Erlang::start("processes", PROCESSES_DRIVER),
        }
    }

    /// Returns the family of a scenario.
    #[must_use]
    pub fn of(scenario: &Value) -> Self {
        if crate::processes::is_one(scenario) { Self::Processes } else { Self::Supervisors }
    }
}

/// A scenario on which Erlang and we differ, with both traces.
#[derive(Debug, Clone)]
pub struct Disagreement {
    /// The seed of the scenario it was found with.
    pub seed: u64,
    /// The number of its steps before it was cut down.
    pub steps_before: usize,
    /// The smallest scenario found that still differs.
    pub scenario: Value,
    /// The trace of Erlang.
    pub erlang: Vec<Value>,
    /// Our trace, or the error if there was none.
    pub ours: Result<Vec<Value>, String>,
}

/// Why a scenario was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Erlang did not settle it in the time that its driver gives a step.
    Unsettled,
    /// Too many had differed before.
    NotPlayed,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsettled => f.write_str("Erlang did not bring them to rest within 8 s"),
            Self::NotPlayed => {
                write!(f, "not played, as {MAX_DIFFERENCES} had differed before them")
            }
        }
    }
}

/// The comparison of one scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Agrees,
    Differs,
    LeftOut(LeftOut),
}

/// The result of a live run. Each scenario is counted once: it agrees, it differs, or it was left out
/// for a reason.
#[derive(Debug, Default)]
pub struct Report {
    /// Scenarios on which both agree.
    pub agreed: usize,
    /// The lines of their traces.
    pub lines: usize,
    /// Scenarios that were not compared, by reason.
    pub left_out: BTreeMap<LeftOut, usize>,
    /// Seeds of the scenarios on which they differ.
    pub differing: Vec<u64>,
    /// The first of those, cut down.
    pub disagreement: Option<Disagreement>,
}

impl Report {
    fn note(&mut self, seed: u64, comparison: Comparison, lines: usize) {
        match comparison {
            Comparison::Agrees => {
                self.agreed += 1;
                self.lines += lines;
            }
            Comparison::Differs => self.differing.push(seed),
            Comparison::LeftOut(why) => self.leave_out(why),
        }
    }

    fn leave_out(&mut self, why: LeftOut) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// Counts the scenarios that were not compared, for any reason.
    #[must_use]
    pub fn not_compared(&self) -> usize {
        self.left_out.values().sum()
    }

    /// Counts all scenarios.
    #[must_use]
    pub fn scenarios(&self) -> usize {
        self.agreed + self.differing.len() + self.not_compared()
    }
}

/// Plays the seeds that once differed, and then `count` scenarios from `seed` on. A difference does
/// not end the run: it would hide those after it.
///
/// # Errors
/// [`ErlangError`] if there is no Erlang, or its driver fails.
pub fn run(family: Family, count: u64, seed: u64) -> Result<Report, ErlangError> {
    let mut erlang = family.erlang()?;
    let mut report = Report::default();
    let fresh = (0..count).map(|number| seed.wrapping_add(number));
    for seed in family.once_differed().iter().copied().chain(fresh) {
        // A broken driver differs everywhere. The rest is counted as not played, so that the sum is
        // right.
        if report.differing.len() >= MAX_DIFFERENCES {
            report.leave_out(LeftOut::NotPlayed);
            continue;
        }
        let scenario = family.scenario(seed);
        let theirs = erlang.play(&scenario)?;
        report.note(seed, compare(&scenario, &theirs), theirs.len());
    }
    if let Some(&first) = report.differing.first() {
        report.disagreement = Some(smallest(&mut erlang, first, &family.scenario(first))?);
    }
    Ok(report)
}

fn compare(scenario: &Value, theirs: &[Value]) -> Comparison {
    if theirs.iter().any(|line| line.get("unsettled").is_some()) {
        return Comparison::LeftOut(LeftOut::Unsettled);
    }
    match play(scenario) {
        Ok(ours) if first_difference(theirs, &ours).is_none() => Comparison::Agrees,
        // A scenario that Erlang plays and we cannot is a difference.
        _ => Comparison::Differs,
    }
}

fn smallest(erlang: &mut Erlang, seed: u64, scenario: &Value) -> Result<Disagreement, ErlangError> {
    let mut lost = None;
    let small = shrink(scenario, |candidate| {
        // A cut may turn a scenario into a documented departure, on which the two differ for another
        // reason.
        if lost.is_some() || departs(candidate) || crate::scenario::check(candidate).is_err() {
            return false;
        }
        match erlang.play(candidate) {
            Ok(theirs) => compare(candidate, &theirs) == Comparison::Differs,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scenario() -> Value {
        json!({"tree": {"children": [{"id": "a"}]}, "steps": [{"op": "crash", "path": "root/a", "reason": "boom"}]})
    }

    #[test]
    fn a_scenario_agrees_differs_or_is_left_out_for_a_reason() {
        let ours = play(&scenario()).expect("it is played");
        assert_eq!(compare(&scenario(), &ours), Comparison::Agrees);
        assert_eq!(compare(&scenario(), &ours[1..]), Comparison::Differs);
        let unsettled = [json!({"unsettled": "root/a"})];
        assert_eq!(compare(&scenario(), &unsettled), Comparison::LeftOut(LeftOut::Unsettled));
        // What we cannot play is not left out: that would hide our own fault.
        assert_eq!(compare(&json!({"tree": {"children": [{}]}}), &ours), Comparison::Differs);
    }

    #[test]
    fn every_scenario_is_counted_once_and_by_its_reason() {
        let mut report = Report::default();
        report.note(1, Comparison::Agrees, 5);
        report.note(2, Comparison::Differs, 7);
        report.note(3, Comparison::LeftOut(LeftOut::Unsettled), 1);
        report.note(4, Comparison::Agrees, 6);
        report.leave_out(LeftOut::NotPlayed);
        assert_eq!((report.agreed, report.lines), (2, 11));
        assert_eq!(report.differing, [2]);
        let reasons: Vec<_> = report.left_out.iter().map(|(&why, &count)| (why, count)).collect();
        assert_eq!(reasons, [(LeftOut::Unsettled, 1), (LeftOut::NotPlayed, 1)]);
        assert_eq!((report.not_compared(), report.scenarios()), (2, 5));
    }
}
