//! Outcomes in, report out. Order of arrival and repetition change nothing.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::score::Points;
use super::{
    Counts, CrateRow, Duplicate, HotFile, LongestFnRow, MAX_HOT_FILES, Quarantined, Report, Totals,
};
use crate::outcome::{FileOutcome, Outcome};
use crate::scan::FileReport;
use crate::source::MissingPackage;
use crate::unit::UnitFacts;

/// Collects outcomes. Delivering one twice is harmless, as work is delivered
/// at least once.
#[derive(Debug, Clone, Default)]
pub struct Reducer {
    scope: String,
    missing: Vec<MissingPackage>,
    units: BTreeMap<Arc<str>, UnitFacts>,
    files: BTreeMap<Arc<str>, FileOutcome>,
    totals: Totals,
}

/// The effect of adding an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The file was not known.
    New,
    /// The same outcome was there.
    Same,
    /// Another outcome was there and is replaced.
    Replaced,
}

impl Reducer {
    /// Makes a reducer for a scope, with the packages that are missing.
    pub fn new(scope: impl Into<String>, mut missing: Vec<MissingPackage>) -> Self {
        missing.sort();
        Self { scope: scope.into(), missing, ..Self::default() }
    }

    /// Adds the facts of a unit.
    pub fn add_unit(&mut self, facts: UnitFacts) {
        self.units.insert(facts.label.clone(), facts);
        self.totals.units = self.units.len() as u64;
    }

    /// Adds the outcome of a file.
    pub fn add(&mut self, outcome: FileOutcome) -> Added {
        // The facts of the unit may arrive after its files.
        if !self.units.contains_key(&outcome.unit) {
            self.add_unit(UnitFacts::unknown(outcome.unit.clone()));
        }
        match self.files.entry(outcome.label.clone()) {
            Entry::Vacant(vacant) => {
                self.totals.add(&outcome.outcome);
                vacant.insert(outcome);
                Added::New
            }
            Entry::Occupied(known) if *known.get() == outcome => Added::Same,
            Entry::Occupied(mut known) => {
                self.totals.remove(&known.get().outcome);
                self.totals.add(&outcome.outcome);
                known.insert(outcome);
                Added::Replaced
            }
        }
    }

    /// Returns the sums so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Returns the ranked report of what was added so far.
    pub fn report(&self) -> Report {
        let duplicates = self.duplicates();
        let copies = duplicates.iter().flat_map(|d| d.files.iter().cloned()).collect();
        Report {
            scope: self.scope.clone(),
            totals: self.totals,
            crates: self.rows(&copies),
            duplicates,
            quarantined: self.quarantined(),
            missing: self.missing.clone(),
        }
    }

    fn quarantined(&self) -> Vec<Quarantined> {
        let aside = self.files.values().filter_map(|file| match &file.outcome {
            Outcome::Quarantined(reason) => Some((file, reason)),
            Outcome::Done(_) => None,
        });
        aside
            .map(|(f, reason)| Quarantined {
                file: f.label.clone(),
                unit: f.unit.clone(),
                reason: reason.clone(),
            })
            .collect()
    }

    /// Finds files with equal content across units.
    fn duplicates(&self) -> Vec<Duplicate> {
        let mut groups: HashMap<_, Vec<&FileOutcome>> = HashMap::new();
        for file in self.files.values() {
            if let Outcome::Done(report) = &file.outcome
                // Empty files are equal in all crates, which tells a reviewer nothing.
                && report.bytes > 0
            {
                groups.entry((report.content_hash, report.bytes)).or_default().push(file);
            }
        }
        groups.retain(|_, files| files.iter().any(|file| file.unit != files[0].unit));
        let mut found: Vec<_> = groups
            .into_iter()
            .map(|((content_hash, bytes), files)| Duplicate {
                content_hash,
                bytes,
                files: files.iter().map(|f| f.label.clone()).collect(),
            })
            .collect();
        let saved = |d: &Duplicate| d.bytes * (d.files.len() as u64 - 1);
        found.sort_by(|a, b| saved(b).cmp(&saved(a)).then_with(|| a.files.cmp(&b.files)));
        found
    }

    fn rows(&self, copies: &BTreeSet<Arc<str>>) -> Vec<CrateRow> {
        let mut rows: BTreeMap<&str, CrateRow> =
            self.units.values().map(|u| (&*u.label, CrateRow::empty(u))).collect();
        for file in self.files.values() {
            if let Some(row) = rows.get_mut(&*file.unit) {
                row.add(file);
                row.duplicate_files += u64::from(copies.contains(&file.label));
            }
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        for row in &mut rows {
            row.finish();
        }
        rows.sort_by_cached_key(|row| {
            (Reverse(row.score), Reverse(row.all.unsafe_lines), row.facts.label.clone())
        });
        for (rank, row) in (1..).zip(&mut rows) {
            row.rank = rank;
        }
        rows
    }
}

impl Totals {
    fn add(&mut self, outcome: &Outcome) {
        let Outcome::Done(report) = outcome else {
            self.quarantined += 1;
            return;
        };
        self.done += 1;
        self.bytes += report.bytes;
        self.lines += report.lines;
        self.unsafe_lines += report.unsafe_lines;
        self.unwrap_sites += report.unwrap_sites;
        self.panic_sites += report.panic_sites;
    }

    /// Takes back what [`Totals::add`] added.
    fn remove(&mut self, outcome: &Outcome) {
        let Outcome::Done(report) = outcome else {
            self.quarantined -= 1;
            return;
        };
        self.done -= 1;
        self.bytes -= report.bytes;
        self.lines -= report.lines;
        self.unsafe_lines -= report.unsafe_lines;
        self.unwrap_sites -= report.unwrap_sites;
        self.panic_sites -= report.panic_sites;
    }
}

impl Counts {
    fn add(&mut self, report: &FileReport) {
        self.files += 1;
        self.bytes += report.bytes;
        self.lines += report.lines;
        self.unsafe_lines += report.unsafe_lines;
        self.unwrap_sites += report.unwrap_sites;
        self.panic_sites += report.panic_sites;
        self.binary_files += u64::from(report.binary);
        self.non_utf8_files += u64::from(!report.utf8);
    }
}

impl CrateRow {
    fn empty(facts: &UnitFacts) -> Self {
        Self {
            rank: 0,
            score: 0,
            points: Points::default(),
            facts: facts.clone(),
            all: Counts::default(),
            shipped: Counts::default(),
            longest_fn: None,
            hot_files: Vec::new(),
            duplicate_files: 0,
            quarantined: 0,
        }
    }

    /// Adds a file; they come sorted by label.
    fn add(&mut self, file: &FileOutcome) {
        let Outcome::Done(report) = &file.outcome else {
            self.quarantined += 1;
            return;
        };
        self.all.add(report);
        if file.shipped {
            self.shipped.add(report);
        }
        if report.unsafe_lines > 0 {
            self.hot_files
                .push(HotFile { file: file.label.clone(), unsafe_lines: report.unsafe_lines });
        }
        let known = self.longest_fn.as_ref().map_or(0, |f| f.lines);
        if let Some(f) = report.longest_fn.as_ref().filter(|f| f.lines > known) {
            let (name, file) = (f.name.clone(), file.label.clone());
            self.longest_fn = Some(LongestFnRow { name, file, line: f.line, lines: f.lines });
        }
    }

    fn finish(&mut self) {
        self.hot_files.sort_by_key(|hot| Reverse(hot.unsafe_lines));
        self.hot_files.truncate(MAX_HOT_FILES);
        self.points = Points::of(&self.facts, &self.shipped, self.quarantined);
        self.score = self.points.score();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Fingerprint;
    use crate::outcome::Reason;
    use crate::scan::scan;
    use crate::unit::Licence;

    fn outcome(unit: &str, name: &str, outcome: Outcome) -> FileOutcome {
        FileOutcome {
            label: format!("{unit}/{name}").into(),
            unit: unit.into(),
            shipped: !name.starts_with("tests/"),
            fingerprint: Fingerprint::default(),
            outcome,
        }
    }

    fn done(unit: &str, name: &str, text: &str) -> FileOutcome {
        outcome(unit, name, Outcome::Done(scan(text.as_bytes())))
    }

    fn aside(unit: &str, name: &str) -> FileOutcome {
        outcome(unit, name, Outcome::Quarantined(Reason::Unreadable { detail: "no".into() }))
    }

    fn sample() -> Vec<FileOutcome> {
        vec![
            done("a", "x.rs", "unsafe\n"),
            done("a", "tests/x.rs", "fn t() {\n a.unwrap() }\n"),
            done("b", "y.rs", "fn t() {\n a.unwrap() }\n"),
            done("b", "e.rs", ""),
            done("c", "e.rs", ""),
            aside("c", "z.rs"),
        ]
    }

    fn reduce(outcomes: impl IntoIterator<Item = FileOutcome>) -> Report {
        let mut reducer = Reducer::new("test", Vec::new());
        for unit in ["a", "b", "c"] {
            let licence = Licence::Expression("MIT".into());
            reducer.add_unit(UnitFacts { licence, ..UnitFacts::unknown(unit.into()) });
        }
        for outcome in outcomes {
            reducer.add(outcome);
        }
        reducer.report()
    }

    #[test]
    fn order_and_repetition_change_nothing() {
        let report = reduce(sample());
        let twice = sample().into_iter().rev().chain(sample());
        assert_eq!(reduce(twice), report);
        assert_eq!(
            (report.totals.done, report.totals.quarantined, report.totals.unsafe_lines),
            (5, 1, 1)
        );
    }

    #[test]
    fn a_replaced_outcome_counts_once() {
        let mut reducer = Reducer::new("t", Vec::new());
        assert_eq!(reducer.add(aside("a", "x.rs")), Added::New);
        assert_eq!(reducer.add(done("a", "x.rs", "unsafe")), Added::Replaced);
        assert_eq!(reducer.add(done("a", "x.rs", "unsafe")), Added::Same);
        assert_eq!((reducer.totals().done, reducer.totals().quarantined), (1, 0));
    }

    #[test]
    fn rows_are_ranked_by_score_and_tests_do_not_raise_it() {
        let report = reduce(sample());
        let rows: Vec<_> =
            report.crates.iter().map(|r| (r.rank, &*r.facts.label, r.score)).collect();
        assert_eq!(rows, [(1, "c", 5), (2, "a", 3), (3, "b", 0)]);
        assert_eq!(
            (report.crates[1].all.unwrap_sites, report.crates[1].shipped.unwrap_sites),
            (1, 0)
        );
    }

    #[test]
    fn copies_in_other_units_are_found_and_empty_files_are_not_copies() {
        let report = reduce(sample());
        let copies: Vec<_> = report
            .duplicates
            .iter()
            .map(|d| d.files.iter().map(|f| &**f).collect::<Vec<_>>())
            .collect();
        assert_eq!(copies, [["a/tests/x.rs", "b/y.rs"]]);
        assert_eq!(report.crates[2].duplicate_files, 1);
    }

    #[test]
    fn what_was_set_aside_is_listed() {
        let report = reduce(sample());
        assert_eq!(report.quarantined.len(), 1);
        assert_eq!(&*report.quarantined[0].file, "c/z.rs");
    }
}
