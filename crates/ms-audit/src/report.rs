//! From many outcomes to one review.
//!
//! # The score
//! A number from 0 to 100 for how much attention a crate asks of a reviewer,
//! not for how good it is. It is a sum, in whole points:
//!
//! | points | for |
//! |---|---|
//! | up to 20 | lines with `unsafe` per thousand lines, one point each |
//! | up to 20 | how many such lines, two points each time their number doubles |
//! | up to 15 | `unwrap` and `panic!` sites per thousand lines, one point for each two; a panic counts twice |
//! | 10 | a build script: it runs while you build |
//! | 5 | a procedural macro: it runs in your compiler |
//! | 15 | a manifest, but no licence found |
//! | up to 15 | files that were quarantined, five points each: nobody has looked |
//!
//! A crate of less than a thousand lines is taken to have a thousand.
//! Only files outside `tests`, `benches` and `examples` count for the first
//! three; the totals count every file.

mod json;
mod reduce;
mod score;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::outcome::Reason;
use crate::scan::ContentHash;
use crate::source::MissingPackage;
use crate::unit::{Licence, UnitFacts};

pub use json::{AuditJson, REPORT_SCHEMA, RunFacts, may_hold_a_report};
pub use reduce::{Added, Reducer};
pub use score::Points;
pub use text::{Charset, TextStyle, render};

/// The comparable result of an audit: two runs over the same files give the
/// same bytes, whatever crashed on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The audited scope in words.
    pub scope: String,
    /// Sums over everything.
    pub totals: Totals,
    /// One row for each unit, the one to look at first at the top.
    pub crates: Vec<CrateRow>,
    /// Equal files in different units, the most bytes first.
    pub duplicates: Vec<Duplicate>,
    /// Every file that was set aside, sorted by label.
    pub quarantined: Vec<Quarantined>,
    /// Packages of the scope that are missing.
    pub missing: Vec<MissingPackage>,
}

/// Sums over everything that was reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Crates, or directories that stand for one.
    pub units: u64,
    /// Files audited.
    pub done: u64,
    /// Files and directories set aside.
    pub quarantined: u64,
    /// Bytes of the files audited.
    pub bytes: u64,
    /// Their lines.
    pub lines: u64,
    /// Their lines with the word `unsafe`.
    pub unsafe_lines: u64,
    /// Their `unwrap` and `expect` sites.
    pub unwrap_sites: u64,
    /// Their `panic!` sites.
    pub panic_sites: u64,
}

/// One unit in the ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateRow {
    /// Place in the ranking, from 1.
    pub rank: u64,
    /// Sum of the points.
    pub score: u32,
    /// The parts of the score.
    pub points: Points,
    /// The facts about the unit itself.
    #[serde(flatten)]
    pub facts: UnitFacts,
    /// Counts over all its files.
    pub all: Counts,
    /// Counts over those outside `tests`, `benches` and `examples`.
    pub shipped: Counts,
    /// Its longest function.
    pub longest_fn: Option<LongestFnRow>,
    /// Its files with the most `unsafe` lines, at most [`MAX_HOT_FILES`].
    pub hot_files: Vec<HotFile>,
    /// Files that also are in another unit.
    pub duplicate_files: u64,
    /// Files that were set aside.
    pub quarantined: u64,
}

/// Largest number of files that a row names.
pub const MAX_HOT_FILES: usize = 5;

/// Counts over some files of a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Files audited.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their lines.
    pub lines: u64,
    /// Their lines with the word `unsafe`.
    pub unsafe_lines: u64,
    /// Their `unwrap` and `expect` sites.
    pub unwrap_sites: u64,
    /// Their `panic!` sites.
    pub panic_sites: u64,
    /// Those with a NUL byte.
    pub binary_files: u64,
    /// Those that are not UTF-8.
    pub non_utf8_files: u64,
}

/// The longest function of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongestFnRow {
    /// Its name.
    pub name: String,
    /// Label of its file.
    pub file: Arc<str>,
    /// Line of the word `fn`.
    pub line: u64,
    /// Its length in lines.
    pub lines: u64,
}

/// A file to look at first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotFile {
    /// Label of the file.
    pub file: Arc<str>,
    /// Lines with the word `unsafe`.
    pub unsafe_lines: u64,
}

/// Equal content in more than one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// Hash of the content.
    pub content_hash: ContentHash,
    /// Length of one copy.
    pub bytes: u64,
    /// Labels of the copies, sorted.
    pub files: Vec<Arc<str>>,
}

/// A file that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Label of the file, or of a directory with a slash at its end.
    pub file: Arc<str>,
    /// Label of its unit.
    pub unit: Arc<str>,
    /// Why.
    pub reason: Reason,
}

impl CrateRow {
    /// Returns the name for a table: that of the manifest where the label says little.
    pub fn title(&self) -> String {
        match (&*self.facts.label, &self.facts.name) {
            (".", Some(name)) => name.clone(),
            (label, _) => label.to_owned(),
        }
    }
}

impl Report {
    /// Crates by licence, for a summary.
    pub fn licences(&self) -> BTreeMap<&Licence, u64> {
        let mut counts = BTreeMap::new();
        for row in &self.crates {
            *counts.entry(&row.facts.licence).or_insert(0) += 1;
        }
        counts
    }
}
