//! Why a server did not run.

use std::error::Error;
use std::fmt::Write;
use std::process::ExitCode;

use ms_bus::SubjectError;
use ms_config::ConfigErrors;
use ms_core::IdError;
use ms_runtime::{RunError, exit};
use ms_transport::BindError;
use ms_worker::tasks::TasksError;

/// Why a server did not run, each with its exit code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The configuration cannot be used; the source lists every problem.
    #[error("the configuration cannot be used")]
    Config(#[source] ConfigErrors),
    /// A listener would be open to strangers, or its token cannot be used.
    #[error("the HTTP endpoint was not opened")]
    Bind(#[from] BindError),
    /// The agents cannot be set up.
    #[error("the agents cannot be set up")]
    Agents(#[from] TasksError),
    /// A budget is set for something that is not a path.
    #[error(
        "the budget for `{path}` cannot be set; write a path such as /root/components/application/tasks/KIND"
    )]
    Budget {
        /// The text that should be a path.
        path: String,
        /// Why it is not one.
        #[source]
        source: IdError,
    },
    /// The filter of logged bus events is wrong.
    #[error("`core.event_bus.log_subjects` cannot be used")]
    EventBus(#[source] SubjectError),
    /// The directory or the keys of snapshots cannot be used.
    #[error("the snapshots of `persistence` cannot be stored")]
    Persistence {
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Logs or metrics cannot be set up.
    #[error("telemetry cannot be set up: {what}")]
    Telemetry {
        /// The part that failed: the log or the metrics.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The service did not boot, or ended badly.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl ServerError {
    /// Returns the number of its exit code.
    ///
    /// It is 8 for the configuration, which includes the directory and the keys of snapshots, 78
    /// for an unsafe listener, and the runtime's own for the rest.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Config(errors) => errors.exit_code(),
            Self::Agents(_)
            | Self::Budget { .. }
            | Self::EventBus(_)
            | Self::Persistence { .. } => exit::CONFIG,
            Self::Bind(error) => error.code(),
            Self::Telemetry { .. } => exit::BOOT,
            Self::Run(error) => error.code(),
        }
    }

    /// Returns its exit code, for `main` to return.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.code().into()
    }

    /// Returns the error and all its causes, one on each line.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = self.to_string();
        let causes = std::iter::successors(self.source(), |&error| error.source());
        for cause in causes {
            // Writing into a string cannot fail.
            let _ = write!(text, "\n  because {cause}");
        }
        text
    }
}
