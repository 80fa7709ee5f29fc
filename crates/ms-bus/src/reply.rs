//! The way back of an answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::payload::Payload;

/// The way of an answer back to the asker: within this process, or, implemented by a
/// [`Transport`](crate::Transport), to another one.
pub trait Replies: Send + Sync + fmt::Debug + 'static {
    /// Passes an answer on. Returns false when nobody waits for it any more.
    fn reply(&self, answer: Payload) -> bool;

    /// Returns whether an answer is still awaited, as far as this process knows.
    fn is_awaited(&self) -> bool;
}

/// Passes the first answer to the asker in this process, and refuses all others.
#[derive(Debug)]
pub(crate) struct FirstReply(Mutex<Option<oneshot::Sender<Payload>>>);

impl FirstReply {
    pub(crate) fn new() -> (Arc<Self>, oneshot::Receiver<Payload>) {
        let (sender, receiver) = oneshot::channel();
        (Arc::new(Self(Mutex::new(Some(sender)))), receiver)
    }
}

impl Replies for FirstReply {
    fn reply(&self, answer: Payload) -> bool {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        sender.is_some_and(|sender| sender.send(answer).is_ok())
    }

    fn is_awaited(&self) -> bool {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_counts() {
        let (first, mut answer) = FirstReply::new();
        assert!(first.is_awaited());
        assert!(first.reply(Payload::of(1)) && !first.reply(Payload::of(2)));
        assert_eq!(*answer.try_recv().unwrap().read::<i32>().unwrap(), 1);
        let (nobody, answer) = FirstReply::new();
        drop(answer);
        assert!(!nobody.is_awaited() && !nobody.reply(Payload::of(1)));
    }
}
