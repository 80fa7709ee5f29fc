//! Answers that are given when the policy replies: at once, or many messages later.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, Message};

use crate::error::SupervisorError;

type Outcome<T> = Result<T, SupervisorError>;

/// The answer to an administrative call, on its way.
///
/// A future would do as well, at the price of a task and a watch over it for every call.
pub(crate) struct Answer<T>(Rc<RefCell<AnswerState<T>>>);

enum AnswerState<T> {
    /// Neither the answer nor the caller is known yet.
    Idle,
    Given(Outcome<T>),
    /// A caller that wants no answer is none.
    Waiting(Option<OneshotSender<Outcome<T>>>),
}

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(AnswerState::Idle)))
    }
}

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Answer<T> {
    /// Answers; only the first time counts.
    pub(crate) fn give(&self, outcome: Outcome<T>) {
        let state = &mut *self.0.borrow_mut();
        match state {
            AnswerState::Idle => *state = AnswerState::Given(outcome),
            AnswerState::Given(_) => {}
            AnswerState::Waiting(caller) => answer(caller.take(), outcome),
        }
    }
}

/// Answers a caller, who may have given up.
fn answer<T>(caller: Option<OneshotSender<T>>, outcome: T) {
    drop(caller.map(|caller| caller.send(outcome)));
}

impl<A, M, T> MessageResponse<A, M> for Answer<T>
where
    A: Actor,
    M: Message<Result = Outcome<T>>,
{
    fn handle(self, _: &mut A::Context, caller: Option<OneshotSender<Outcome<T>>>) {
        let state = &mut *self.0.borrow_mut();
        match mem::replace(state, AnswerState::Waiting(None)) {
            AnswerState::Given(outcome) => answer(caller, outcome),
            _ => *state = AnswerState::Waiting(caller),
        }
    }
}
