//! How the demo ends: its exit codes and what it says on standard error.

use std::error::Error;
use std::process::ExitCode;

use ms_actor::BootError;
use ms_audit::{ReportError, SourceError, StoreError};
use ms_control::BindError;
use ms_runtime::RunError;

use crate::out;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}; see `ms-demo --help`")]
    Usage(String),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("cannot write {0}; name a regular file in a directory that exists, with --out FILE")]
    Out(String),
    #[error("the state directory {path} cannot be made; choose another one with --state DIR")]
    State { path: String, source: std::io::Error },
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(
        "there is not one Rust source in {0}; name a tree with --path DIR, or build first so that cargo unpacks its crates"
    )]
    NoSources(String),
    #[error("{0}")]
    SelfCheck(String),
    #[error("the root supervisor gave up: {0}; what is finished is kept, run again to resume")]
    GaveUp(String),
    #[error("interrupted; {0} finished files are kept, run again to resume")]
    Interrupted(u64),
    #[error("standard output failed")]
    Output(#[from] std::io::Error),
}

/// What a run comes to.
pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    /// The documented exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::SelfCheck(_) | Self::Output(_) | Self::Report(_) => 1,
            Self::Usage(_) => 2,
            Self::Source(SourceError::NotFound { .. }) => 4,
            Self::Store(StoreError::Locked { .. }) => 5,
            Self::NoSources(_) => 8,
            Self::Source(_)
            | Self::Store(StoreError::Damaged { .. } | StoreError::IsDirectory { .. }) => 8,
            Self::Store(StoreError::NotWritable { .. }) | Self::State { .. } | Self::Out(_) => 8,
            Self::Store(StoreError::NewerFormat { .. }) => 9,
            Self::Store(_) => 1,
            Self::Run(RunError::Boot(BootError::PanicAbort)) => 8,
            Self::Run(RunError::Control(BindError::InUse { .. })) => 5,
            Self::Run(RunError::Control(_) | RunError::Place(_)) => 8,
            Self::Run(error) => error.code(),
            Self::GaveUp(_) => 102,
            Self::Interrupted(_) => 130,
        }
    }
}

/// Says what went wrong and chooses the exit code.
pub(crate) fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            out::complain(&told(&failure));
            failure.code().into()
        }
    }
}

/// The error and its sources, each on a line.
fn told(failure: &Failure) -> String {
    let mut text = format!("error: {failure}\n");
    let mut source = failure.source();
    while let Some(cause) = source {
        text.push_str(&format!("  because: {cause}\n"));
        source = cause.source();
    }
    text
}
