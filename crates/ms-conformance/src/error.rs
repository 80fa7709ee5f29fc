//! Why a scenario has no trace.

use std::fmt;

/// Why there is no trace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlayError {
    /// The input is not a scenario.
    Malformed(String),
    /// Something still happened after an hour of virtual time.
    Unsettled(String),
    /// The player could not start.
    Setup(String),
}

impl fmt::Display for PlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed scenario: {what}"),
            Self::Unsettled(what) => write!(f, "the tree did not come to rest: {what}"),
            Self::Setup(what) => write!(f, "could not start: {what}"),
        }
    }
}

impl std::error::Error for PlayError {}
