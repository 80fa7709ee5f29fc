//! The errors of a boot and of a shutdown.

use std::time::Duration;

use ms_actor::AskFailure;
use ms_core::lifecycle::{ComponentId, Phase};
use ms_core::{ErrorChain, ExitReason};
use ms_supervisor::SupervisorError;

use crate::service::cleanup::CleanupError;
use crate::service::components::ComponentFailure;

/// Why a component did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitializationCause {
    /// Its init or start failed.
    #[error(transparent)]
    Failed(ComponentFailure),
    /// It exited while it was being started.
    #[error("it ended: {0}")]
    Exited(ExitReason),
    /// It did not answer, or its supervisor did not.
    #[error("it could not be asked: {0}")]
    NoAnswer(String),
    /// Its supervisor did not start it.
    #[error(transparent)]
    Supervisor(Box<SupervisorError>),
    /// The service as a whole is not healthy.
    #[error("the service is not healthy: {0}")]
    Unhealthy(String),
}

impl From<SupervisorError> for InitializationCause {
    fn from(error: SupervisorError) -> Self {
        Self::Supervisor(Box::new(error))
    }
}

/// Names the component that did not start, and why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitializationError {
    /// The component was not ready in time.
    #[error(
        "the component {component} was not ready within {within:?}; give it more time (start_within), or see what it waits for"
    )]
    Timeout {
        /// Which.
        component: ComponentId,
        /// Its time.
        within: Duration,
    },
    /// The boot as a whole was not done in time.
    #[error(
        "the boot was not done within {within:?}{}; give it more time (BootSettings::within, components.startup_deadline), or see what it waits for",
        waiting_text(.waiting)
    )]
    TooLong {
        /// Its time.
        within: Duration,
        /// The components that were being started.
        waiting: Vec<ComponentId>,
    },
    /// It failed.
    #[error("the component {component} did not start")]
    ComponentFailed {
        /// Which.
        component: ComponentId,
        /// Why.
        #[source]
        source: InitializationCause,
    },
    /// The failure belongs to no single component.
    #[error(transparent)]
    Other(InitializationCause),
    /// The boot was cancelled.
    #[error("it was cancelled")]
    Cancelled,
}

fn waiting_text(waiting: &[ComponentId]) -> String {
    let names: Vec<_> = waiting.iter().map(ComponentId::as_str).collect();
    if names.is_empty() { String::new() } else { format!(", waiting for {}", names.join(", ")) }
}

/// What went wrong in the rollback of a boot.
#[derive(Debug, Default)]
pub struct RollbackReport {
    /// Components that did not stop in order, with why.
    pub errors: Vec<(ComponentId, InitializationCause)>,
}

/// Why a service did not boot. What had started was stopped again, in reverse order.
#[derive(Debug, thiserror::Error)]
#[doc(alias = "CoordinationError")]
#[non_exhaustive]
pub enum BootstrapError {
    /// A phase failed.
    #[error("the boot failed in phase {} ({}){}", .phase.number(), .phase.name(), rollback_text(.rollback))]
    InitializationFailed {
        /// In which phase.
        phase: Phase,
        /// Why.
        #[source]
        source: InitializationError,
        /// What went wrong on the way back.
        rollback: RollbackReport,
    },
    /// The lifecycle did not answer. The supervisors stopped the tree.
    // No phase and no rollback: both are known to the lifecycle only.
    #[error("the boot was lost: {0}")]
    Lost(String),
}

impl BootstrapError {
    /// Returns the component at fault, if there is one.
    #[must_use]
    pub fn culprit(&self) -> Option<&ComponentId> {
        match self {
            Self::InitializationFailed {
                source:
                    InitializationError::Timeout { component, .. }
                    | InitializationError::ComponentFailed { component, .. },
                ..
            } => Some(component),
            _ => None,
        }
    }

    /// Returns whether all components had started and the service was not healthy.
    // A start that ran out of time in this phase is not counted: nothing was found to be unhealthy.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        matches!(
            self,
            Self::InitializationFailed {
                phase: Phase::Verification,
                source: InitializationError::ComponentFailed { .. } | InitializationError::Other(_),
                ..
            }
        )
    }

    /// Returns whether the boot was cancelled, and did not fail.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let cancelled =
            |source: &InitializationError| matches!(source, InitializationError::Cancelled);
        matches!(self, Self::InitializationFailed { source, .. } if cancelled(source))
    }
}

fn rollback_text(rollback: &RollbackReport) -> String {
    let text = |(component, why): &(ComponentId, InitializationCause)| {
        format!(", and the rollback of {component} failed ({})", ErrorChain::from_error(why))
    };
    rollback.errors.iter().map(text).collect()
}

/// What went wrong in a shutdown. No such error stops the shutdown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// Work was still in flight when the time was over.
    #[error("{left} work item(s) still in flight after {within:?}")]
    Drain {
        /// How many.
        left: usize,
        /// The time they had.
        within: Duration,
    },
    /// A component did not stop in order.
    #[error("the component did not stop in order")]
    Component(#[source] ComponentFailure),
    /// A component exited and did not stop in order.
    #[error("the component exited and did not stop in order: {0}")]
    Exited(ExitReason),
    /// A part of the service, which this names, did not answer.
    #[error("{0} did not answer")]
    NoAnswer(String),
    /// The actor of a component did not answer.
    #[error(transparent)]
    Unanswered(AskFailure),
    /// The supervisor of a component did not stop it.
    #[error("its supervisor did not stop it")]
    Supervisor(#[source] Box<SupervisorError>),
    /// State was not saved.
    #[error("state was not saved")]
    Persist(#[source] ComponentFailure),
    /// A component was not dropped.
    #[error("the component {component} was not dropped: {why}")]
    Release {
        /// Which.
        component: ComponentId,
        /// Why not.
        why: String,
    },
    /// A cleanup handler failed.
    #[error("the cleanup handler {handler} failed")]
    Cleanup {
        /// Which.
        handler: String,
        /// Why.
        #[source]
        source: CleanupError,
    },
    /// A resource was left open.
    #[error("left open: {0}")]
    Leak(String),
}

impl From<SupervisorError> for ShutdownError {
    fn from(error: SupervisorError) -> Self {
        Self::Supervisor(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use ms_core::{ActorPath, ChildId};

    use super::*;

    fn id(text: &str) -> ComponentId {
        ComponentId::new(text).expect("valid")
    }

    fn chain(error: &(dyn std::error::Error + 'static)) -> String {
        ErrorChain::from_error(error).to_string()
    }

    #[test]
    fn a_failed_boot_tells_each_cause_once_and_what_the_rollback_left() {
        let source = InitializationError::ComponentFailed {
            component: id("api"),
            source: InitializationCause::Failed("no port".into()),
        };
        let busy = ShutdownError::Component("still busy".into());
        let errors = vec![(id("base"), InitializationCause::Failed(busy.into()))];
        let rollback = RollbackReport { errors };
        let error =
            BootstrapError::InitializationFailed { phase: Phase::Verification, source, rollback };
        assert_eq!(
            chain(&error),
            "the boot failed in phase 10 (verification), and the rollback of base failed (the \
             component did not stop in order: still busy): the component api did not start: no port"
        );
    }

    #[test]
    fn who_did_not_answer_in_a_shutdown_is_said_once() {
        let path = ActorPath::root(&ChildId::new("root").expect("valid"));
        let within = Duration::from_secs(1);
        let failure = AskFailure::TimedOut { path: path.clone(), within };
        let text = "/root did not answer within 1s; it may still handle the message";
        assert_eq!(chain(&ShutdownError::Unanswered(failure.clone())), text);
        let error = ShutdownError::from(SupervisorError::NoAnswer { path, failure });
        let before = "its supervisor did not stop it: the supervisor /root did not answer";
        assert_eq!(chain(&error), format!("{before}: {text}"));
        let cleanup = ShutdownError::NoAnswer("the actor cleanup".to_owned());
        assert_eq!(chain(&cleanup), "the actor cleanup did not answer");
    }
}
