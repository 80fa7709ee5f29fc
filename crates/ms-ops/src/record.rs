//! Records: who did what to what, why, and with what outcome.

use crate::caller::Role;
use crate::codes::Kind as Failure;
use crate::error::OpError;
use crate::operation::Kind;
use crate::target::Target;

/// A steering, as far as it is known before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steering {
    /// The operation.
    pub operation: &'static str,
    /// Its target.
    pub target: Target<'static>,
    /// Its verb: `kill`, `task cancel ID`.
    pub verb: String,
    /// The name of the caller.
    pub by: String,
    /// The reason given.
    pub reason: Option<String>,
}

/// The outcome of a [`Steering`].
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
        // The cause of a malformed request may quote what was sent, secrets included.
        let text = match error.why.is_empty() || error.kind() == Failure::BadRequest {
            true => error.to_string(),
            false => format!("{error}: {}", error.why),
        };
        Self { done: false, text }
    }
}

/// The audit level: what is put on record beside steering, which always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Audit {
    /// Writes of operators, who are people. Submissions of programs are left to the log: the store
    /// keeps eight thousand events about tasks, and publishes each submission by itself; with one more
    /// for each, they would reach less far back.
    #[default]
    Operators,
    /// Every write.
    Writes,
}

impl Audit {
    /// Returns whether an operation of this kind, by this role, is put on record.
    #[must_use]
    pub const fn records(self, kind: Kind, role: Role) -> bool {
        match kind {
            Kind::Steer => true,
            Kind::Write => matches!((self, role), (Self::Writes, _) | (_, Role::Operator)),
            // They change nothing, and one `msctl tree --watch` asks every second.
            Kind::Read | Kind::Watch => false,
        }
    }
}

/// Keeps records. Only the desk writes them.
pub trait Records: Send + Sync + 'static {
    /// Takes a steering that is about to be done.
    fn intent(&self, steering: &Steering);

    /// Takes the outcome of one, exactly once for each that goes on record.
    fn outcome(&self, steering: &Steering, outcome: Outcome);
}

/// Keeps no records.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRecords;

impl Records for NoRecords {
    fn intent(&self, _: &Steering) {}
    fn outcome(&self, _: &Steering, _: Outcome) {}
}
