//! A dependency audit of Rust source trees: the domain of the demo.
//!
//! The order of the work is the order of the modules: [`source`] says which
//! trees to audit, [`walk`] lists their files in batches, [`mod@scan`] audits the
//! bytes of one file, [`mod@unit`] gathers the facts of one crate, [`report`]
//! ranks, renders and writes. [`key`] names inputs and files, for programs that remember
//! finished work.
//!
//! Architecture invariants: nothing in here names an actor, a thread, a future
//! or a log; functions either compute or block, and say which. Nothing prints.
//! No input makes [`scan::scan`] panic or take more than linear time. A file
//! that was listed has an [`outcome::Outcome`]: audited or quarantined with a
//! reason, never dropped.
//!
//! Where to start reading: [`walk::Walker`], then [`outcome::audit_file`], then
//! [`report::Reducer`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "tests"))]

pub mod error;
pub mod file;
pub mod key;
pub mod lockfile;
mod manifest;
pub mod outcome;
pub mod path_text;
pub mod report;
pub mod scan;
pub mod source;
pub mod tally;
pub mod unit;
pub mod walk;

pub use error::{ReportError, SourceError};
pub use file::{Fingerprint, SourceFile};
pub use key::RunKey;
pub use lockfile::LockedPackage;
pub use outcome::{FileOutcome, Outcome, Reason, audit_file};
pub use report::{AuditJson, Reducer, Report, RunFacts};
pub use scan::{FileReport, scan};
pub use source::{CargoHome, LockSource, Scope, Sources};
pub use tally::{Tally, Unbalanced};
pub use unit::UnitFacts;
pub use walk::{Batch, Unit, Walker};
