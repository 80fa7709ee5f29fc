//! Telling: a message that waits for room.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use actix::Message;
use tokio::time::Sleep;

use crate::cell::hosted::{Accepts, Cell, Hosted};
use crate::error::SendError;
use crate::refs::room::{Spot, has_to_wait, refused, wait_for_room};

/// A send that waits for room; see [`Ref::tell`](crate::Ref::tell).
#[must_use = "a tell sends only when it is awaited"]
pub struct Tell<A: Hosted, M> {
    cell: Arc<Cell<A>>,
    message: Option<M>,
    within: Duration,
    // Made only by a tell that has to wait: most find room at once.
    sleep: Option<Pin<Box<Sleep>>>,
    spot: Option<Spot>,
}

// The message is moved in and out, never pinned.
impl<A: Hosted, M> Unpin for Tell<A, M> {}

impl<A: Hosted, M> Tell<A, M> {
    pub(super) fn new(cell: Arc<Cell<A>>, message: M, within: Duration) -> Self {
        Self { cell, message: Some(message), within, sleep: None, spot: None }
    }

    /// Waits at most this long for room.
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }
}

impl<A: Hosted, M: Message> Future for Tell<A, M>
where
    A::Context: Accepts<A, M>,
{
    type Output = Result<(), SendError<M>>;

    /// # Panics
    /// When polled again after it was done.
    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            #[allow(
                clippy::expect_used,
                reason = "polling a finished future is the caller's bug, as everywhere"
            )]
            let message = this.message.take().expect("Tell polled after it was done");
            let ticket = this.spot.as_ref().and_then(Spot::ticket);
            let offered = <A::Context as Accepts<A, M>>::offer(&this.cell, message, ticket);
            let Err((message, refusal)) = offered else {
                this.spot.take().into_iter().for_each(Spot::used);
                return Poll::Ready(Ok(()));
            };
            if !has_to_wait(&this.cell, &refusal) {
                this.spot = None;
                return Poll::Ready(Err(refused(&this.cell, message, refusal)));
            }
            this.message = Some(message);
            let within = this.within;
            let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
            if wait_for_room(&this.cell, &mut this.spot, sleep.deadline(), task) {
                continue;
            }
            if sleep.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
            let Some(message) = this.message.take() else { continue };
            this.spot = None;
            let path = this.cell.core.path.clone();
            return Poll::Ready(Err(SendError::TimedOut { message, path, within }));
        }
    }
}

impl<A: Hosted, M> fmt::Debug for Tell<A, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tell({})", self.cell.core.path)
    }
}
