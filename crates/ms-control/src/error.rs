//! The one error that crosses the wire: a code, a kind, and three sentences.

use std::borrow::Cow;
use std::fmt;

use ms_ops::codes::{self, Code, Kind};
use ms_ops::{OpError, Parts};
use serde::{Deserialize, Serialize};

/// Why a request was not answered.
///
/// `what` happened, `why`, and what to do `next`; each is text for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlError {
    /// Stable code, `MS0nnn`; see [`codes`].
    pub code: Cow<'static, str>,
    /// What sort of failure it is.
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
    /// An error of the catalogue.
    #[must_use]
    pub fn new(code: &'static Code, what: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code.number()),
            kind: code.kind(),
            what: what.into(),
            why: String::new(),
            next: String::new(),
        }
    }

    /// The same error, with a cause.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// The same error, with advice.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// The node does not permit what was asked.
    #[must_use]
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(&codes::REFUSED, what)
    }

    /// The node was not done in time.
    #[must_use]
    pub fn timed_out(what: impl Into<String>) -> Self {
        Self::new(&codes::TIMED_OUT, what)
    }

    /// The request makes no sense.
    #[must_use]
    pub fn bad_request(what: impl Into<String>) -> Self {
        Self::new(&codes::BAD_REQUEST, what)
    }

    /// A frame or an answer is over its limit.
    #[must_use]
    pub fn too_large(what: impl Into<String>) -> Self {
        Self::new(&codes::TOO_LARGE, what)
    }

    /// A fault inside the node or the tool.
    #[must_use]
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(&codes::INTERNAL, what).next("look into the node's log; this is a bug")
    }

    /// The two sides speak different versions.
    #[must_use]
    pub fn version_mismatch(what: &str, client: u32, node: u32) -> Self {
        Self::new(
            &codes::VERSION_MISMATCH,
            format!("msctl speaks control {what} {client}, the node speaks {node}"),
        )
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

/// The operator reads everything but the error behind it.
impl From<OpError> for ControlError {
    fn from(error: OpError) -> Self {
        let Parts { code, what, why, next, .. } = error.into_parts();
        Self { code: Cow::Borrowed(code.number()), kind: code.kind(), what, why, next }
    }
}
