//! The answers to the requests of one commit.

use ms_core::task::{Submitted, TaskError, TaskView};
use ms_task::{Claimed, Swept};

use crate::messages::Write;

/// The answer to a request, sent once the commit is done.
pub(crate) enum Answer {
    Submit(Vec<Result<Submitted, TaskError>>),
    Execute(Vec<Result<TaskView, TaskError>>),
    Claim(Claimed),
    /// The number of tasks that were taken back or released.
    Taken(usize),
    Sweep(Swept),
    Kept,
}

impl Answer {
    /// Sends the answer. A caller that has gone meanwhile looks its task up.
    pub(crate) fn send(self, request: Write) {
        match (self, request) {
            (Self::Submit(answer), Write::Submit(_, reply)) => drop(reply.send(Ok(answer))),
            (Self::Execute(answer), Write::Execute(_, reply)) => drop(reply.send(Ok(answer))),
            (Self::Claim(answer), Write::Claim(_, reply)) => drop(reply.send(Ok(answer))),
            (Self::Taken(answer), Write::TakeBack(_, reply) | Write::ReleaseBut(_, reply)) => {
                drop(reply.send(Ok(answer)))
            }
            (Self::Sweep(answer), Write::Sweep(reply)) => drop(reply.send(Ok(answer))),
            (Self::Kept, Write::Budgets(_, reply)) => drop(reply.send(Ok(()))),
            _ => debug_assert!(false, "answers are in the order of the requests"),
        }
    }
}
