//! Audits Rust source text, as the demo does for whole dependency trees.

use ms_core::task::TaskFailure;
use ms_worker::tasks::{Performs, Task, TaskCx};
use ms_worker::{Agent, Cx, InitError};
use serde::{Deserialize, Serialize};

/// Counts what a reviewer looks for in Rust source text.
#[derive(Debug)]
pub struct Audit;

/// What it is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Rust source text.
    source: String,
}

/// What it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFacts {
    /// Lines.
    pub lines: u64,
    /// Lines with the word `unsafe`.
    pub unsafe_lines: u64,
    /// Calls of `unwrap` and `expect`.
    pub unwraps: u64,
    /// Panics written out.
    pub panics: u64,
}

impl Agent for Audit {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self)
    }
}

impl Performs for Audit {
    type Payload = Source;
    type Output = AuditFacts;
    async fn perform(
        &mut self,
        task: Task<Source>,
        _: &mut TaskCx<'_, Self>,
    ) -> Result<AuditFacts, TaskFailure> {
        let found = ms_audit::scan(task.payload.source.as_bytes());
        Ok(AuditFacts {
            lines: found.lines,
            unsafe_lines: found.unsafe_lines,
            unwraps: found.unwrap_sites,
            panics: found.panic_sites,
        })
    }
}
