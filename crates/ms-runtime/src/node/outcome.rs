//! The outcome of a run, and the exit code that goes with it.

use std::error::Error;
use std::fmt;
use std::process::{ExitCode, Termination};

use ms_actor::BootError;
use ms_control::{BindError, ControlError};
use ms_core::ExitReason;
use ms_supervisor::StartRootError;

/// The exit codes of a node.
///
/// They are stable: scripts rely on them.
// 101 is what Rust itself gives a process that panicked, 78 is `EX_CONFIG` of `sysexits.h`; the
// other numbers are ours.
pub mod exit {
    /// The tree ended by itself, or was stopped in an orderly way.
    pub const OK: u8 = 0;
    /// It was stopped, but not in order: the tree or a component took too long and was killed, a
    /// second signal came, or the program's main future failed.
    pub const FORCED: u8 = 1;
    /// The node did not boot: no threads, no signals.
    pub const BOOT: u8 = 3;
    /// A child or component did not start; those before it were stopped in reverse order.
    pub const TREE: u8 = 4;
    /// The control endpoint could not be opened.
    pub const CONTROL: u8 = 5;
    /// A pre-flight check failed: nothing was started.
    pub const PREFLIGHT: u8 = 6;
    /// All components had started, but the service was not healthy: they were stopped again.
    pub const UNHEALTHY: u8 = 7;
    /// A configuration value or a child spec is invalid: nothing was started.
    pub const CONFIG: u8 = 8;
    /// Built with `panic = "abort"`: supervision is impossible (`EX_CONFIG`).
    pub const PANIC_ABORT: u8 = 78;
    /// The node's own thread panicked outside any actor: a bug of the program.
    pub const PANIC: u8 = 101;
    /// The root supervisor gave up or was killed. Its children were stopped in reverse order where
    /// that was possible. For a service also: too many critical errors.
    pub const GAVE_UP: u8 = 102;
    /// Services only: memory, threads, file descriptors or disk space were used up.
    pub const RESOURCES: u8 = 103;
    /// Services only: to go on would have done harm.
    pub const SECURITY: u8 = 104;
}

/// The way in which a tree ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunEnd {
    /// By itself: an automatic shutdown.
    Completed,
    /// On request, in order.
    Stopped,
    /// By force: the tree or a component did not stop in time, or a second signal came.
    Forced,
    /// The root supervisor gave up, or crashed.
    GaveUp,
}

/// The outcome of a run.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "the end of the tree decides the exit code"]
pub struct Outcome {
    /// The way in which the tree ended.
    pub end: RunEnd,
    /// The exit reason of the root supervisor. As in OTP, one that gives up exits with `shutdown`:
    /// look at `end` to tell that from an orderly stop.
    pub reason: ExitReason,
    /// Threads that are still blocked. They end with the process.
    pub stuck_threads: usize,
}

impl Outcome {
    /// Returns the number of the exit code; see [`exit`].
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self.end {
            RunEnd::Completed | RunEnd::Stopped => exit::OK,
            RunEnd::Forced => exit::FORCED,
            RunEnd::GaveUp => exit::GAVE_UP,
        }
    }

    /// Returns the exit code, for `main` to return.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.code().into()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            RunEnd::Completed => write!(f, "the tree ended: {}", self.reason),
            RunEnd::Stopped => f.write_str("stopped in order"),
            RunEnd::Forced => f.write_str("stopped by force: something did not stop in time"),
            RunEnd::GaveUp => write!(f, "the root supervisor gave up: {}", self.reason),
        }?;
        match self.stuck_threads {
            0 => Ok(()),
            stuck => write!(f, "; {stuck} threads are still blocked"),
        }
    }
}

impl Termination for Outcome {
    fn report(self) -> ExitCode {
        self.exit_code()
    }
}

/// The result of the future that a program runs beside its tree.
pub type MainResult = Result<(), Box<dyn Error + Send + Sync>>;

/// The error of a service, with its exit code.
///
/// It displays as the error itself.
// Type-erased, because `node/` is below `service/`: it carries the error to the caller of `run`
// without naming its type.
#[derive(Debug)]
pub struct ServiceFailure {
    code: u8,
    error: Box<dyn Error + Send + Sync>,
}

impl ServiceFailure {
    pub(crate) fn new(code: u8, error: impl Error + Send + Sync + 'static) -> Self {
        Self { code, error: error.into() }
    }

    /// Returns the error, if it is of this type.
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }
}

impl fmt::Display for ServiceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for ServiceFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Why a node, or a service on it, did not run to the end of its tree.
///
/// Its `Debug` output is the message with all its sources, for a `main` that returns it. Such a
/// process exits with 1; [`RunError::code`] has the documented code.
#[derive(thiserror::Error)]
#[doc(alias = "IntegrationError")]
#[non_exhaustive]
pub enum RunError {
    /// The node did not boot.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The tree did not start.
    #[error(transparent)]
    Tree(#[from] StartRootError),
    /// No path was found for the control endpoint.
    #[error("no path was found for the control endpoint: {}", in_one_line(.0))]
    Place(Box<ControlError>),
    /// The control endpoint could not be bound.
    #[error("the control endpoint was not opened; give it another path, or switch it off")]
    Control(#[from] BindError),
    /// The runtime could not set up a thread or a signal handler of its own.
    #[error("the runtime could not be set up: {what}")]
    Setup {
        /// What could not be set up.
        what: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The future the program runs beside its tree failed; the tree was stopped in order.
    #[error("the program's main future failed")]
    Main(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A service did not start, though its node did; see [`RunError::service`].
    #[error(transparent)]
    Service(ServiceFailure),
    /// The node's own thread panicked, outside any actor.
    #[error(
        "the node's own thread panicked outside any actor; the panic itself is on standard error"
    )]
    Panicked,
}

impl RunError {
    /// Returns the number of the exit code; see [`exit`].
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Boot(BootError::PanicAbort) => exit::PANIC_ABORT,
            Self::Boot(BootError::Config { .. }) => exit::CONFIG,
            Self::Boot(_) | Self::Setup { .. } => exit::BOOT,
            Self::Tree(StartRootError::Spec(_) | StartRootError::Id(_)) => exit::CONFIG,
            Self::Tree(_) => exit::TREE,
            Self::Place(_) | Self::Control(_) => exit::CONTROL,
            Self::Service(failure) => failure.code,
            Self::Main(_) => exit::FORCED,
            Self::Panicked => exit::PANIC,
        }
    }

    /// Returns the exit code, for `main` to return.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.code().into()
    }
}

impl fmt::Debug for RunError {
    // `fn main() -> Result<_, RunError>` prints the `Debug` of an error and nothing else: a derived
    // one would show a tree of structs there, and no cause in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = self.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

fn in_one_line(error: &ControlError) -> String {
    let parts = [&error.what, &error.why, &error.next];
    parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S1.1-05
    #[test]
    fn every_end_has_its_code() {
        let code = |end| Outcome { end, reason: ExitReason::Shutdown, stuck_threads: 0 }.code();
        let codes = [RunEnd::Completed, RunEnd::Stopped, RunEnd::Forced, RunEnd::GaveUp].map(code);
        assert_eq!(codes, [0, 0, 1, 102]);
        assert_eq!(RunError::from(BootError::PanicAbort).code(), 78);
        assert!(RunError::from(BootError::PanicAbort).to_string().contains("panic = \"unwind\""));
        assert_eq!(RunError::from(StartRootError::Failed(ExitReason::NoProc)).code(), 4);
        assert_eq!(RunError::from(StartRootError::Id(ms_core::IdError::Empty)).code(), 8);
        assert_eq!(RunError::Main("x".into()).code(), 1);
    }

    #[test]
    fn ends_read_as_sentences() {
        let ended =
            Outcome { end: RunEnd::Stopped, reason: ExitReason::Shutdown, stuck_threads: 2 };
        assert_eq!(ended.to_string(), "stopped in order; 2 threads are still blocked");
    }
}
