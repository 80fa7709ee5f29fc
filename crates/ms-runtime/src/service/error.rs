//! Why a service did not start.

use ms_core::IdError;
use ms_core::lifecycle::ComponentId;

use super::boot::BootstrapError;
use super::components::{ComponentFailure, DependencyErrors};
use super::logic::graph::GraphError;
use super::preflight::PreFlightCheckFailed;
use super::settings::SettingsError;
use crate::node::{RunError, ServiceFailure, exit};

/// Why a service did not start, though its node did.
///
/// It is part of a [`RunError`]; [`RunError::service`] returns it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceStartError {
    /// Settings contradict each other.
    #[error("the settings are wrong")]
    Settings(#[from] SettingsError),
    /// The id of a component, or of one that it needs, is not valid.
    #[error("a component's id is wrong")]
    Id(#[from] IdError),
    /// Components cannot be put in order.
    #[error("the components cannot be put in order")]
    Plan(#[from] GraphError),
    /// What components require is not what others provide; nothing was started.
    #[error(transparent)]
    Dependencies(#[from] DependencyErrors),
    /// The tree of a component could not be composed; nothing was started.
    #[error("the component {component} could not be put together")]
    Compose {
        /// The component.
        component: ComponentId,
        /// Why not.
        #[source]
        source: ComponentFailure,
    },
    /// A pre-flight check failed.
    #[error(transparent)]
    Preflight(#[from] PreFlightCheckFailed),
    /// The boot failed.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
}

impl ServiceStartError {
    /// Returns the number of its exit code; see [`exit`].
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Settings(_)
            | Self::Id(_)
            | Self::Plan(_)
            | Self::Dependencies(_)
            | Self::Compose { .. } => exit::CONFIG,
            Self::Preflight(_) => exit::PREFLIGHT,
            Self::Bootstrap(error) if error.is_unhealthy() => exit::UNHEALTHY,
            Self::Bootstrap(_) => exit::TREE,
        }
    }
}

impl From<ServiceStartError> for RunError {
    fn from(error: ServiceStartError) -> Self {
        Self::Service(ServiceFailure::new(error.code(), error))
    }
}

/// Lets `?` turn each cause of a [`ServiceStartError`] into a [`RunError`].
// `?` takes one `From` step. Without these a caller would write
// `.map_err(ServiceStartError::from)?`.
macro_rules! into_run_error {
    ($($cause:ty),+ $(,)?) => {$(
        impl From<$cause> for RunError {
            fn from(cause: $cause) -> Self {
                ServiceStartError::from(cause).into()
            }
        }
    )+};
}

into_run_error!(
    SettingsError,
    IdError,
    GraphError,
    DependencyErrors,
    PreFlightCheckFailed,
    BootstrapError,
);

impl RunError {
    /// Returns the error of the service, if that is why the run failed.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceStartError> {
        match self {
            Self::Service(failure) => failure.downcast_ref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::time::Duration;

    use ms_core::lifecycle::Phase;

    use super::*;
    use crate::service::boot::{InitializationCause, InitializationError, RollbackReport};

    fn boot_failed(phase: Phase, source: InitializationError) -> RunError {
        let rollback = RollbackReport::default();
        BootstrapError::InitializationFailed { phase, source, rollback }.into()
    }

    #[test]
    fn each_cause_keeps_its_code_its_text_and_its_sources_on_the_way_through_a_run_error() {
        let settings = SettingsError::DeadlineTooShort { deadline: Duration::from_secs(1) };
        let error = RunError::from(settings.clone());
        assert_eq!((error.code(), error.to_string().as_str()), (8, "the settings are wrong"));
        let source = error.source().map(ToString::to_string);
        assert_eq!(source, Some(settings.to_string()), "once, and not through the boxes");
        assert_eq!(format!("{error:?}"), format!("the settings are wrong: {settings}"));
        assert!(matches!(error.service(), Some(ServiceStartError::Settings(_))));
        assert_eq!(RunError::from(IdError::Empty).code(), 8);
        let cancelled = boot_failed(Phase::Data, InitializationError::Cancelled);
        assert_eq!(cancelled.code(), 4);
        let cause = InitializationCause::Unhealthy("a".to_owned());
        let other = InitializationError::Other(cause);
        let unhealthy = boot_failed(Phase::Verification, other);
        assert_eq!(unhealthy.code(), 7);
        assert!(unhealthy.to_string().starts_with("the boot failed in phase 10"), "{unhealthy}");
        assert!(RunError::Panicked.service().is_none());
    }
}
