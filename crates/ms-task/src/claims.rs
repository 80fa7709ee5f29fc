//! What a dispatcher knows to be in agents' hands, and what it may ask of the store next.
//!
//! The answer to a claim can be lost with the store that gave it. The store then holds tasks
//! for agents that were never told. So nothing is claimed after such a loss until every task that
//! the dispatcher does not know of was released.

use std::collections::BTreeSet;

use ms_core::task::{FencingToken, TaskId};

/// Tasks by their assignment.
pub type Held = BTreeSet<(TaskId, FencingToken)>;

/// The books of one dispatcher about its claims. It has one question to the store at a time.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    held: Held,
    asked: bool,
    again: bool,
    in_doubt: bool,
}

/// What a dispatcher is to ask of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAsk {
    /// Nothing: a question is on its way. It will be asked anew when the answer is there.
    Wait,
    /// The release of all assigned tasks but these.
    Release(Held),
    /// A claim.
    Claim,
}

impl Claims {
    /// An agent is given a task under this token, or the task is about to be handed back.
    pub fn given(&mut self, id: TaskId, token: FencingToken) {
        self.held.insert((id, token));
    }

    /// The store knows what became of an assignment, or nobody will tell it any more. Not before:
    /// a task whose result is on its way would be released and done over.
    pub fn settled(&mut self, id: TaskId, token: FencingToken) {
        self.held.remove(&(id, token));
    }

    /// All assignments that are not settled.
    #[must_use]
    pub const fn held(&self) -> &Held {
        &self.held
    }

    /// Whether a claim or a release is on its way.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.asked
    }

    /// What is to be asked next; say [`Claims::asked`] when it is.
    pub fn next_ask(&mut self) -> NextAsk {
        if self.asked {
            self.again = true;
            NextAsk::Wait
        } else if self.in_doubt {
            NextAsk::Release(self.held.clone())
        } else {
            NextAsk::Claim
        }
    }

    /// A claim or a release is on its way.
    pub const fn asked(&mut self) {
        self.asked = true;
        self.again = false;
    }

    /// A claim was answered; `lost` when it may have been carried out and nobody knows with
    /// what outcome. Enter what it brought with [`Claims::given`] before anything else is
    /// asked. Returns whether something came up meanwhile.
    pub const fn claim_answered(&mut self, lost: bool) -> bool {
        self.asked = false;
        self.in_doubt |= lost;
        self.again
    }

    /// A release was answered; `done` when it was surely carried out.
    pub const fn release_answered(&mut self, done: bool) {
        self.asked = false;
        self.in_doubt &= !done;
    }
}
