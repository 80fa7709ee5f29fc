//! What is put on record: who did what to what, why, and what came of it.

use crate::caller::Role;
use crate::codes::Kind as Failure;
use crate::error::OpError;
use crate::operation::Kind;
use crate::target::Target;

/// What is asked of whom, by whom and why: known before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steering {
    /// The operation.
    pub operation: &'static str,
    /// At what it is aimed.
    pub target: Target<'static>,
    /// What is to be done: `kill`, `task cancel ID`.
    pub verb: String,
    /// Who asks.
    pub by: String,
    /// The reason given.
    pub reason: Option<String>,
}

/// What came of a [`Steering`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it was done.
    pub done: bool,
    /// `ok`, `ok: restarted as #4`, or the error.
    pub text: String,
}

impl Outcome {
    pub(crate) fn done(more: Option<String>) -> Self {
        let text = more.map_or_else(|| "ok".to_owned(), |more| format!("ok: {more}"));
        Self { done: true, text }
    }

    pub(crate) fn failed(error: &OpError) -> Self {
        // The reason of a malformed request may quote what was sent.
        let text = match error.why.is_empty() || error.kind() == Failure::BadRequest {
            true => error.to_string(),
            false => format!("{error}: {}", error.why),
        };
        Self { done: false, text }
    }
}

/// How much is put on record beside steering, which always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Audit {
    /// What an operator brings in as well, for that is a person's doing. What programs submit is
    /// left to the log: a node that takes thousands of tasks a second keeps four thousand events,
    /// and would have none of its crashes a second later.
    #[default]
    Operators,
    /// Every write.
    Writes,
}

impl Audit {
    /// Says whether an operation of this kind, by this role, is put on record.
    #[must_use]
    pub const fn records(self, kind: Kind, role: Role) -> bool {
        match kind {
            Kind::Steer => true,
            Kind::Write => matches!((self, role), (Self::Writes, _) | (_, Role::Operator)),
            Kind::Read | Kind::Watch => false,
        }
    }
}

/// Where records are kept. Only the desk writes them.
pub trait Records: Send + Sync + 'static {
    /// Takes what is about to be done.
    fn intent(&self, steering: &Steering);

    /// Takes what came of it; exactly once for each that is on record.
    fn outcome(&self, steering: &Steering, outcome: Outcome);
}

/// The records of a desk that keeps none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRecords;

impl Records for NoRecords {
    fn intent(&self, _: &Steering) {}
    fn outcome(&self, _: &Steering, _: Outcome) {}
}
