//! Waiting for an answer that comes by a way of its own.

use std::time::Duration;

use ms_core::Incarnation;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use crate::refs::any::AnyRef;

/// How soon an actor that was between two lives is looked at again by who waits for an answer.
const BETWEEN_LIVES: Duration = Duration::from_millis(20);

impl AnyRef {
    /// Waits for an answer that comes by a way of its own (the message had its sender in it), or
    /// for the end of the life that was asked. `None` when there will be no answer.
    ///
    /// The end has to be looked at, for a life whose thread is blocked keeps what it has in hand,
    /// and with it the way to its answer, for as long as it is blocked. OTP's `gen:call` uses a
    /// monitor for the same; [`Ref::ask`](crate::Ref::ask) does it for the answers of handlers.
    ///
    /// Call it as soon as the message is accepted; it has no deadline of its own. It is not for
    /// actors whose mailbox outlives a crash: what they keep is answered by a later life.
    ///
    /// # Cancel safety
    /// Dropped early, nothing of it stays with the actor.
    pub async fn answer_of<T>(&self, mut answer: Receiver<T>) -> Option<T> {
        loop {
            let down = tokio::select! {
                biased;
                answered = &mut answer => return answered.ok(),
                down = self.monitor() => down,
            };
            match answer.try_recv() {
                // It was its last act.
                Ok(answered) => return Some(answered),
                // There was no life to be monitored.
                Err(TryRecvError::Empty) if down.incarnation == Incarnation::NONE => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
            // It is between two lives: what it accepted waits for the next one.
            tokio::select! {
                answered = &mut answer => return answered.ok(),
                () = tokio::time::sleep(BETWEEN_LIVES) => {}
            }
        }
    }
}
