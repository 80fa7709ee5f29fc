//! The end of the demo: its exit codes and its errors on standard error.

use std::error::Error;
use std::process::ExitCode;

use ms_audit::{ReportError, SourceError};
use ms_runtime::{BootstrapError, RunError, ServiceStartError};
use ms_worker::tasks::TasksError;

use crate::out;
use crate::state::StateError;

/// The failure of a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}; see `ms-demo --help`")]
    Usage(String),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(
        "cannot write {0}: --out must name a new file in an existing directory, or an earlier report; no other file is overwritten"
    )]
    Out(String),
    #[error("the fleet cannot be set up")]
    Fleet(#[from] TasksError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(
        "no Rust source was found in {0}; name a tree with --path DIR, or build first so that cargo unpacks its crates"
    )]
    NoSources(String),
    #[error("{0}")]
    SelfCheck(String),
    #[error("the root supervisor gave up: {0}; what is finished is kept, run again to resume")]
    GaveUp(String),
    #[error("emergency: {why}; what is finished is kept, run again to resume")]
    Emergency { code: u8, why: String },
    #[error("interrupted; {0} finished files are kept, run again to resume")]
    Interrupted(u64),
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
}

/// The result of a run.
pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    /// Returns the documented exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::SelfCheck(_) | Self::Output(_) | Self::Report(_) => 1,
            Self::Usage(_) => 2,
            Self::Source(SourceError::NotFound { .. }) => 4,
            Self::State(StateError::Locked { .. }) => 5,
            Self::State(StateError::NewerFormat { .. }) => 9,
            Self::NoSources(_) | Self::Source(_) | Self::State(_) | Self::Out(_) => 8,
            Self::Fleet(_) => 8,
            // The other codes of a run are those that every node has.
            Self::Run(error) => match error.service() {
                Some(ServiceStartError::Preflight(_)) => 8,
                // The file of the tasks is opened by their store, as it boots.
                Some(ServiceStartError::Bootstrap(error)) if is_of_store(error) => 8,
                _ => error.code(),
            },
            Self::GaveUp(_) => 102,
            Self::Emergency { code, .. } => *code,
            Self::Interrupted(_) => 130,
        }
    }
}

fn is_of_store(error: &BootstrapError) -> bool {
    error.culprit().is_some_and(|component| component.as_str() == "database")
}

/// Prints the error and returns the exit code.
pub(crate) fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output closed it: it has seen enough.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            out::complain(&message(&failure));
            failure.code().into()
        }
    }
}

/// Formats the error and its sources, each on a line.
fn message(failure: &Failure) -> String {
    let mut text = format!("error: {failure}\n");
    let mut source = failure.source();
    while let Some(cause) = source {
        text.push_str(&format!("  because: {cause}\n"));
        source = cause.source();
    }
    text
}
