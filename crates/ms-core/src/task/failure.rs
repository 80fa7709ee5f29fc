//! The failure of an attempt.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest text of a failure and of each cause, in bytes; what is longer is cut.
pub const MAX_FAILURE_TEXT: usize = 4_096;
/// Most causes kept.
pub const MAX_CAUSES: usize = 8;

/// The kind of an attempt's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The agent returned an error.
    Error,
    /// The agent panicked or ended with an error.
    Crashed,
    /// The attempt took longer than it may.
    TimedOut,
    /// The agent gave no sign of life for the length of its lease.
    LeaseExpired,
    /// The task's deadline passed.
    DeadlinePassed,
    /// The process, the thread or the dispatcher went away, or the agent was stopped on purpose: no
    /// fault of the task. It costs no attempt, even if the agent itself returns it.
    Interrupted,
    /// A budget of the agent or of a subtree is used up.
    OverBudget,
}

impl FailureKind {
    /// Returns the word for tables and JSON.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed_out",
            Self::LeaseExpired => "lease_expired",
            Self::DeadlinePassed => "deadline_passed",
            Self::Interrupted => "interrupted",
            Self::OverBudget => "over_budget",
        }
    }
}

/// The failure of an attempt, with its chain of causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    /// What kind of end it was.
    pub kind: FailureKind,
    /// One line for people.
    pub message: String,
    /// What caused it, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// True when another attempt would fail as well: the task fails at once.
    #[serde(default)]
    pub permanent: bool,
}

impl TaskFailure {
    /// Makes a failure without causes.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: cut(message.into()), causes: Vec::new(), permanent: false }
    }

    /// Adds a cause behind those it has. Beyond [`MAX_CAUSES`] it is left out.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        if self.causes.len() < MAX_CAUSES {
            self.causes.push(cut(cause.into()));
        }
        self
    }

    /// Makes an error that another attempt may not have.
    #[must_use]
    pub fn retry(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Error, message)
    }

    /// Makes an error that every attempt would have: the task fails without further attempts.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { permanent: true, ..Self::retry(message) }
    }

    /// Makes a failure of an error and the chain of its sources.
    #[must_use]
    pub fn from_error(kind: FailureKind, error: &(dyn Error + 'static)) -> Self {
        let causes = std::iter::successors(error.source(), |&error| error.source());
        let causes = causes.take(MAX_CAUSES).map(|cause| cut(cause.to_string())).collect();
        Self { causes, ..Self::new(kind, error.to_string()) }
    }
}

/// Lets an agent's code use `?`; such an error is tried again.
// This is why `TaskFailure` is no `Error` itself: `From<T> for T` would overlap.
impl<E: Error + 'static> From<E> for TaskFailure {
    fn from(error: E) -> Self {
        Self::from_error(FailureKind::Error, &error)
    }
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_FAILURE_TEXT {
        // `truncate` panics within a character.
        text.truncate(text.floor_char_boundary(MAX_FAILURE_TEXT));
    }
    text
}
