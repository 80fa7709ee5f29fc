//! The exit reason of an actor, and other facts about its end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backtrace::Backtrace;
use crate::id::{ActorPath, ChildId, Incarnation};

/// The reason why one incarnation of an actor ended.
///
/// The reason travels as a message, with the path and the incarnation, to the
/// supervisor and to every monitor. Cloning is cheap. The classification follows
/// OTP: [`is_clean`](Self::is_clean) is what a transient child may end with
/// without being started again (`normal`, `shutdown`, `{shutdown, _}`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum ExitReason {
    /// Its work was done.
    Normal,
    /// Its supervisor stopped it.
    Shutdown,
    /// It stopped in an orderly way and said why: OTP's `{shutdown, Term}`.
    ShutdownWith(Arc<str>),
    /// It was killed; no hook of it ran.
    Killed,
    // `Arc`s: a reason goes to the supervisor, to every monitor, and into records and events.
    /// User code panicked.
    Panicked(Arc<PanicRecord>),
    /// It gave up with an error.
    Failed(Arc<ErrorChain>),
    /// Its init returned an error or panicked; the inner reason says which.
    InitFailed(Arc<ExitReason>),
    /// Its init was not finished within the deadline.
    InitTimeout {
        /// The deadline it missed.
        after: Duration,
    },
    /// A supervisor could not start a child, at its boot:
    /// OTP's `{shutdown, {failed_to_start_child, Id, Reason}}`.
    ChildStartFailed {
        /// The child that did not start.
        child: ChildId,
        /// Why it did not.
        reason: Arc<ExitReason>,
    },
    /// It missed its heartbeats and was taken for hung.
    HeartbeatLost {
        /// Beats missed in a row.
        missed: u32,
    },
    /// The thread it lived on hung or died; the actor itself did nothing wrong.
    ArbiterLost,
    /// There was no such actor when it was monitored: OTP's `noproc`.
    NoProc,
}

impl ExitReason {
    /// Makes a failure with one line of explanation.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(Arc::new(ErrorChain::new(message)))
    }

    /// Makes a failure of an error, with the chain of its sources.
    #[must_use]
    pub fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Failed(Arc::new(ErrorChain::from_error(error)))
    }

    /// Makes the reason of an orderly stop that says why.
    #[must_use]
    pub fn shutdown_with(why: impl Into<Arc<str>>) -> Self {
        Self::ShutdownWith(why.into())
    }

    /// Returns whether this is an orderly end: `normal`, `shutdown` or `{shutdown, _}`.
    ///
    /// A transient child that ends so is not started again.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        // `ChildStartFailed` is OTP's `{shutdown, {failed_to_start_child, ..}}`, so it is orderly.
        matches!(
            self,
            Self::Normal | Self::Shutdown | Self::ShutdownWith(_) | Self::ChildStartFailed { .. }
        )
    }

    /// Returns the panic behind this reason, if one was.
    #[must_use]
    pub fn panic(&self) -> Option<&PanicRecord> {
        match self {
            Self::Panicked(record) => Some(record),
            // Within, as deep as it lies: a supervisor that did not boot wraps the reason of its
            // child.
            Self::InitFailed(inner) | Self::ChildStartFailed { reason: inner, .. } => inner.panic(),
            _ => None,
        }
    }

    /// Returns the backtrace of the panic behind this reason, if nobody has read it yet.
    #[must_use]
    pub fn unread_backtrace(&self) -> Option<Backtrace> {
        self.panic()?.backtrace.as_ref()?.unread()
    }

    /// Returns one word for tables and metrics; never carries user text.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Shutdown | Self::ShutdownWith(_) => "shutdown",
            Self::Killed => "killed",
            Self::Panicked(_) => "panicked",
            Self::Failed(_) => "failed",
            Self::InitFailed(_) => "init_failed",
            Self::InitTimeout { .. } => "init_timeout",
            Self::ChildStartFailed { .. } => "child_start_failed",
            Self::HeartbeatLost { .. } => "heartbeat_lost",
            Self::ArbiterLost => "arbiter_lost",
            Self::NoProc => "noproc",
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(why) => write!(f, "shutdown ({why})"),
            Self::Killed => f.write_str("killed"),
            Self::Panicked(record) => write!(f, "panic {record}"),
            Self::Failed(chain) => write!(f, "failed: {chain}"),
            Self::InitFailed(inner) => write!(f, "init failed: {inner}"),
            Self::InitTimeout { after } => write!(f, "init not finished within {after:?}"),
            Self::ChildStartFailed { child, reason } => {
                write!(f, "child {child} did not start: {reason}")
            }
            Self::HeartbeatLost { missed } => write!(f, "{missed} heartbeats missed"),
            Self::ArbiterLost => f.write_str("its arbiter hung or died"),
            Self::NoProc => f.write_str("no such actor"),
        }
    }
}

/// The end of one incarnation of a child.
///
/// Its cell makes it once. It goes unchanged to the supervisor and through the policy, comes back in
/// the policy's decision, and ends in the causal record: see `docs/architecture.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildExit {
    path: ActorPath,
    incarnation: Incarnation,
    reason: ExitReason,
    facts: Option<ExitFacts>,
}

impl ChildExit {
    /// Makes the exit of an incarnation of which no more is known.
    #[must_use]
    pub const fn new(path: ActorPath, incarnation: Incarnation, reason: ExitReason) -> Self {
        Self { path, incarnation, reason, facts: None }
    }

    /// Replaces the reason.
    #[must_use]
    pub fn with_reason(self, reason: ExitReason) -> Self {
        Self { reason, ..self }
    }

    /// Adds what is known of the run.
    #[must_use]
    pub fn with_facts(self, facts: ExitFacts) -> Self {
        Self { facts: Some(facts), ..self }
    }

    /// Returns the path of the child.
    #[must_use]
    pub const fn path(&self) -> &ActorPath {
        &self.path
    }

    /// Returns the incarnation that ended, as its cell counts them.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Returns why it ended.
    #[must_use]
    pub const fn reason(&self) -> &ExitReason {
        &self.reason
    }

    /// Returns why it ended, and drops the rest.
    #[must_use]
    pub fn into_reason(self) -> ExitReason {
        self.reason
    }

    /// Returns what is known of the run; `None` if its init was not done, so that there was none.
    #[must_use]
    pub const fn facts(&self) -> Option<&ExitFacts> {
        self.facts.as_ref()
    }
}

/// The facts about a run that ended, besides the reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExitFacts {
    /// How long it had been up.
    pub uptime: Duration,
    /// Messages that were waiting; `None` where the kernel cannot know.
    pub mailbox_depth: Option<u64>,
    /// Of these, dropped to the dead letters.
    pub dropped: u64,
    /// Actors it was waiting for, serving nothing else, when it ended.
    pub waiting_on: Vec<ActorPath>,
    /// Whether the fault was injected on purpose.
    pub injected: bool,
}

/// The facts about a panic, recorded by the panic hook before unwinding starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicRecord {
    /// The panic's message; `"<payload of an unknown type>"` when it had none.
    pub message: String,
    /// Where it was raised, when the hook saw it.
    pub location: Option<Location>,
    /// The type of the message that was being handled, if one was.
    pub handling: Option<String>,
    /// The hook or callback that was running: `handle`, `started`, `future`, `drop` and so on.
    pub during: String,
    /// The backtrace, when `RUST_BACKTRACE` asks for one.
    pub backtrace: Option<Backtrace>,
}

impl fmt::Display for PanicRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Quoted: a panic message may have line breaks, and is shown on one line.
        write!(f, "{:?}", self.message)?;
        if let Some(location) = &self.location {
            write!(f, " at {location}")?;
        }
        if let Some(message_type) = &self.handling {
            write!(f, " while handling {message_type}")?;
        }
        Ok(())
    }
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Source file as the compiler knew it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// An error and its sources, as text, outermost first; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorChain(Vec<String>);

/// Sources kept of one error. Chains come from user code and are kept in records and events, so
/// a longer one is cut.
const MAX_CHAIN: usize = 16;

impl ErrorChain {
    /// Makes a chain of one line.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(vec![message.into()])
    }

    /// Makes a chain of `error` and its sources, at most 16 of them.
    #[must_use]
    pub fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |e| e.source());
        Self(chain.take(MAX_CHAIN).map(ToString::to_string).collect())
    }

    /// Returns the lines, outermost first.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ErrorChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(": "))
    }
}
