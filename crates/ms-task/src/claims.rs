//! The assignments that a dispatcher knows of, and what it may ask of the store next.
//!
//! The answer to a claim can be lost with the store that gave it. The store then holds tasks for
//! agents that never heard of them. So nothing is claimed after such a loss until every task that
//! the dispatcher does not know of was released.

use std::collections::BTreeSet;

use ms_core::task::{FencingToken, TaskId};

/// Tasks by their assignment.
pub type Held = BTreeSet<(TaskId, FencingToken)>;

/// One dispatcher's record of its claims. It has one question to the store at a time.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    held: Held,
    asked: bool,
    again: bool,
    in_doubt: bool,
}

/// The next question of a dispatcher to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAsk {
    /// Nothing: a question is on its way. The next one follows its answer.
    Wait,
    /// The release of all assigned tasks but these.
    Release(Held),
    /// A claim.
    Claim,
}

impl Claims {
    /// Notes an assignment: an agent is given a task under this token, or the task is about to be
    /// handed back.
    pub fn given(&mut self, id: TaskId, token: FencingToken) {
        self.held.insert((id, token));
    }

    /// Forgets an assignment once the store knows its outcome, or nobody will report one any more.
    /// Not before: a task whose result is on its way would be released and done over.
    pub fn settled(&mut self, id: TaskId, token: FencingToken) {
        self.held.remove(&(id, token));
    }

    /// Returns all assignments that are not settled.
    #[must_use]
    pub const fn held(&self) -> &Held {
        &self.held
    }

    /// Returns whether a claim or a release is on its way.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.asked
    }

    /// Returns the next question to the store. Call [`Claims::asked`] when it is on its way.
    pub fn next_ask(&mut self) -> NextAsk {
        if self.asked {
            // Remembered, or a task that came during the question would wait for the next alarm.
            self.again = true;
            NextAsk::Wait
        } else if self.in_doubt {
            NextAsk::Release(self.held.clone())
        } else {
            NextAsk::Claim
        }
    }

    /// Notes that a claim or a release is on its way.
    pub const fn asked(&mut self) {
        self.asked = true;
        self.again = false;
    }

    /// Notes the answer to a claim; `lost` means that it may have been carried out and nobody knows
    /// with what outcome. Enter its assignments with [`Claims::given`] before the next question.
    /// Returns whether a question was held back meanwhile.
    pub const fn claim_answered(&mut self, lost: bool) -> bool {
        self.asked = false;
        self.in_doubt |= lost;
        self.again
    }

    /// Notes the answer to a release; `done` means that it was carried out for certain.
    pub const fn release_answered(&mut self, done: bool) {
        self.asked = false;
        self.in_doubt &= !done;
    }
}
