//! The messages between the parts. The parts know these, and not each other.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use ms_audit::{FileOutcome, Report, SourceFile, UnitFacts};
use ms_core::task::TaskId;

/// The cost of one file, from an auditor to the metrics.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub(crate) struct Measured {
    pub(crate) file: Arc<str>,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
}

/// A batch of the walk that was submitted, from the walker to the reducer. Adding it twice changes
/// nothing.
#[derive(Clone)]
pub(crate) struct Listed {
    pub(crate) units: Arc<[UnitFacts]>,
    pub(crate) files: Arc<[(TaskId, SourceFile)]>,
    /// Places that could not be read: they have an outcome and no task.
    pub(crate) unreadable: Arc<[FileOutcome]>,
}

impl Message for Listed {
    /// Whether enough is listed for the moment.
    type Result = bool;
}

/// The end of the walk, from the walker to the reducer.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct WalkOver {
    /// Number of files listed.
    pub(crate) input: u64,
}

/// Everything is settled: the reducer asks the reporter to write the report.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub(crate) struct Finish {
    /// Number of files listed.
    pub(crate) input: u64,
    pub(crate) report: Arc<Report>,
}
