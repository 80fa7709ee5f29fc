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
pub enum ServerError {
    /// The configuration cannot be used; all that is wrong with it.
    #[error("the configuration cannot be used")]
    Config(#[source] ConfigErrors),
    /// A listener would be open to strangers, or its token cannot be used.
    #[error("the HTTP endpoint was not opened")]
    Bind(#[from] BindError),
    /// The agents cannot be set up so.
    #[error("the agents cannot be set up")]
    Agents(#[from] TasksError),
    /// A budget is set for what is no path.
    #[error(
        "the budget for `{path}` cannot be set; write a path such as /root/components/application/tasks/KIND"
    )]
    Budget {
        /// What was given as the path.
        path: String,
        /// Why it is none.
        #[source]
        source: IdError,
    },
    /// What is to be logged of the event bus is no filter.
    #[error("`core.event_bus.log_subjects` cannot be used")]
    EventBus(#[source] SubjectError),
    /// State is to be kept, and cannot be.
    #[error("the snapshots of `persistence` cannot be kept")]
    Persistence {
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Logs or metrics cannot be set up.
    #[error("telemetry cannot be set up: {what}")]
    Telemetry {
        /// What.
        what: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The service did not boot, or ended badly.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl ServerError {
    /// The number of its exit code: 8 for the configuration (the directory and the keys of snapshots included), 78 for an unsafe listener, the
    /// runtime's own for the rest.
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

    /// Its exit code, for `main` to return.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.code().into()
    }

    /// The error and all its causes, a line each.
    #[must_use]
    pub fn told(&self) -> String {
        let mut told = self.to_string();
        let causes = std::iter::successors(self.source(), |&error| error.source());
        for cause in causes {
            // Writing into a string cannot fail.
            let _ = write!(told, "\n  because {cause}");
        }
        told
    }
}
