//! The one error that crosses the socket: a code, a kind, and three sentences.

use std::borrow::Cow;
use std::fmt;

use ms_ops::codes::{self, Code, Kind};
use ms_ops::{OpError, Parts};
use serde::{Deserialize, Serialize};

/// The reason why a request was not answered.
///
/// `what` happened, `why`, and what to do `next` are texts for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlError {
    /// Its stable code, `MS0nnn`; see [`codes`].
    pub code: Cow<'static, str>,
    /// The kind of failure.
    pub kind: Kind,
    /// What happened.
    pub what: String,
    /// Why it happened, where that is known.
    #[serde(default)]
    pub why: String,
    /// What to do about it.
    #[serde(default)]
    pub next: String,
}

impl ControlError {
    /// Creates an error with a code of the table; `what` says what happened this time.
    #[must_use]
    pub fn new(code: &'static Code, what: impl Into<String>) -> Self {
        OpError::new(code, what).into()
    }

    /// Adds a cause in words.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Reports a request that makes no sense.
    #[must_use]
    pub fn bad_request(what: impl Into<String>) -> Self {
        Self::new(&codes::BAD_REQUEST, what)
    }

    /// Reports that the two sides speak different versions.
    pub(crate) fn version_mismatch(what: &str, client: u32, node: u32) -> Self {
        let versions = format!("msctl speaks control {what} {client}, the node speaks {node}");
        Self::new(&codes::VERSION_MISMATCH, versions)
            .why("the two were built from different releases")
            .next("use the msctl that was built together with the node")
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code, self.what)
    }
}

impl std::error::Error for ControlError {}

/// Drops the error behind it, which stays inside the process.
impl From<OpError> for ControlError {
    fn from(error: OpError) -> Self {
        let Parts { code, what, why, next, .. } = error.into_parts();
        Self { code: Cow::Borrowed(code.number()), kind: code.kind(), what, why, next }
    }
}
