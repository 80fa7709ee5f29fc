//! How a mailbox behaves, as its user says it.

use crate::error::MailboxSpecError;

/// What happens to a message that finds the mailbox at its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overflow {
    /// `tell` and `ask` wait in line for room until their deadline; `try_tell` is refused.
    #[default]
    Block,
    /// Every send is refused with the message handed back.
    Reject,
    /// The new message goes to the dead letters; the sender does not learn of it.
    DropNewest,
    /// The oldest waiting message goes to the dead letters.
    DropOldest,
}

impl Overflow {
    /// Returns the name used in configuration and views.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Reject => "reject",
            Self::DropNewest => "drop_newest",
            Self::DropOldest => "drop_oldest",
        }
    }
}

/// What happens to a message for an actor that is between two incarnations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WhileDown {
    /// It waits in the mailbox, within the bound, for the next incarnation.
    #[default]
    Hold,
    /// It is refused with the reason of the last end: OTP's `noproc`.
    Refuse,
}

/// How an actor's mailbox behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxSpec {
    /// Messages that may wait, 1 or more; `None` is no bound and wants a reason.
    pub capacity: Option<usize>,
    /// What happens over the bound.
    pub overflow: Overflow,
    /// What happens to messages sent between two incarnations.
    pub while_down: WhileDown,
    /// Keep waiting messages over a crash (opt-in; OTP drops them).
    pub keep_on_restart: bool,
    /// On an orderly stop, handle what waits before the hooks run.
    pub drain_on_stop: bool,
}

impl MailboxSpec {
    /// Default bound, in messages.
    pub const DEFAULT_CAPACITY: usize = 1024;

    /// Makes the default spec with another bound.
    #[must_use]
    pub fn bounded(capacity: usize) -> Self {
        Self { capacity: Some(capacity.max(1)), ..Self::default() }
    }

    /// Makes a spec without a bound, for actors whose senders are bounded by something else.
    #[must_use]
    pub fn unbounded() -> Self {
        Self { capacity: None, ..Self::default() }
    }

    /// Checks what a literal may say and no constructor does.
    ///
    /// # Errors
    /// [`MailboxSpecError`] for a bound of 0.
    pub fn check(&self) -> Result<(), MailboxSpecError> {
        if self.capacity == Some(0) { Err(MailboxSpecError) } else { Ok(()) }
    }

    /// Sets the overflow policy.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }
}

impl Default for MailboxSpec {
    fn default() -> Self {
        Self {
            capacity: Some(Self::DEFAULT_CAPACITY),
            overflow: Overflow::Block,
            while_down: WhileDown::Hold,
            keep_on_restart: false,
            drain_on_stop: false,
        }
    }
}
