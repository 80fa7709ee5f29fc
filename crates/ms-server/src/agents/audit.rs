//! Audits Rust source text, as the demo does for whole dependency trees.

use std::convert::Infallible;

use ms_core::Invalid;
use ms_router::{Contract, Validated};
use serde::{Deserialize, Serialize};

/// Counts what a reviewer looks for in Rust source text.
#[derive(Debug)]
pub struct Audit;

/// The payload of a task for [`Audit`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Rust source text.
    source: String,
}

/// The result of a task for [`Audit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFacts {
    /// Number of lines.
    pub lines: u64,
    /// Lines with the word `unsafe`.
    pub unsafe_lines: u64,
    /// Calls of `unwrap` and `expect`.
    pub unwraps: u64,
    /// Uses of `panic!` and its relatives.
    pub panics: u64,
}

impl Contract for Audit {
    type Input = Source;
    type Output = AuditFacts;
    type Error = Infallible;

    fn validate(&self, input: &Source) -> Result<(), Invalid> {
        match input.source.is_empty() {
            true => Err(Invalid::new("source", "must not be empty: there is nothing to audit")),
            false => Ok(()),
        }
    }

    async fn execute(&self, input: Validated<Self>) -> Result<AuditFacts, Infallible> {
        let found = ms_audit::scan(input.source.as_bytes());
        Ok(AuditFacts {
            lines: found.lines,
            unsafe_lines: found.unsafe_lines,
            unwraps: found.unwrap_sites,
            panics: found.panic_sites,
        })
    }
}
