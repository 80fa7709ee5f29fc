//! Asking: a message, a deadline, an answer or the reason why there is none.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use actix::Message;
use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tokio::task::coop;
use tokio::time::{Instant, Sleep};

use crate::cell::any::{AnyCell, Outcome};
use crate::cell::hosted::{Accepts, AskTerms, Cell, Hosted};
use crate::current;
use crate::error::{AskError, AskFailure, SendError, SendFailure};
use crate::mail::line::{WaitFor, Waiter};
use crate::node::{here, spin};
use crate::refs::deadlines::{self, Place};
use crate::refs::room::{Spot, has_to_wait, keep_spot, refused, wait_for_room};
use crate::refs::waits::{self, Waiting};

pin_project! {
    /// A question on its way; see [`crate::Ref::ask`].
    #[must_use = "an ask is sent only when it is awaited"]
    pub struct Ask<A: Hosted, M: Message> {
        cell: Arc<Cell<A>>,
        within: Duration,
        deadline: Option<Instant>,
        stage: Stage<M>,
        edge: Option<Waiting>,
        // In the line for room, and later in that for the end of a turn.
        spot: Option<Spot>,
        // Set only when the answer does not come at once.
        #[pin]
        timer: Timer,
    }
}

pin_project! {
    #[project = TimerStage]
    enum Timer {
        None,
        /// In the thread's queue of deadlines.
        Queued { place: Place },
        Own { #[pin] sleep: Sleep },
    }
}

enum Stage<M: Message> {
    Unsent(M),
    Sent {
        answer: oneshot::Receiver<M::Result>,
        exits: u32,
    },
    /// The reply's sender is gone; why is known when the turn that was on has ended.
    Lost {
        exits: u32,
        turn: Option<u64>,
    },
    Done,
}

impl<A: Hosted, M: Message> Ask<A, M> {
    pub(crate) fn new(cell: Arc<Cell<A>>, message: M, within: Duration) -> Self {
        Self {
            cell,
            within,
            deadline: None,
            stage: Stage::Unsent(message),
            edge: None,
            spot: None,
            timer: Timer::None,
        }
    }

    /// Waits at most this long, room in the mailbox included.
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }
}

impl<A, M> Future for Ask<A, M>
where
    A: Hosted,
    M: Message,
    A::Context: Accepts<A, M>,
{
    type Output = Result<M::Result, AskError<M>>;

    /// # Panics
    /// When polled again after it was done.
    #[allow(clippy::panic, reason = "polling a finished future is the caller's bug, as everywhere")]
    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let outcome = loop {
            match std::mem::replace(this.stage, Stage::Done) {
                Stage::Unsent(message) => {
                    let deadline = *this
                        .deadline
                        .get_or_insert_with(|| this.cell.core.node.deadline(*this.within));
                    if this.edge.is_none() && current::is_blocking() {
                        let target = Arc::clone(this.cell) as Arc<dyn AnyCell>;
                        match waits::wait_for(target, deadline) {
                            Ok(edge) => *this.edge = edge,
                            Err(cycle) => break Err(AskError::deadlock(message, cycle)),
                        }
                    }
                    let watch = this.edge.as_ref().map(|edge| edge.watch(task.waker()));
                    let ticket = this.spot.as_ref().and_then(Spot::ticket);
                    let terms = AskTerms { deadline, ticket, watch: watch.as_ref() };
                    match <A::Context as Accepts<A, M>>::offer_ask(this.cell, message, terms) {
                        Ok((answer, exits)) => {
                            if here::is_elsewhere(this.cell.core.arbiter.load(Relaxed)) {
                                spin::exchanged();
                            }
                            if let Some(edge) = this.edge {
                                edge.sent(exits);
                            }
                            this.spot.take().into_iter().for_each(Spot::used);
                            *this.stage = Stage::Sent { answer, exits };
                            continue;
                        }
                        Err((message, refusal)) if !has_to_wait(this.cell, &refusal) => {
                            break Err(refused(this.cell, message, refusal).into());
                        }
                        Err((message, _)) => {
                            if wait_for_room(this.cell, this.spot, deadline, task) {
                                *this.stage = Stage::Unsent(message);
                                continue;
                            }
                            if expired(this.timer.as_mut(), deadline, task) {
                                let path = this.cell.core.path.clone();
                                let within = *this.within;
                                let failure = SendFailure::TimedOut { path, within };
                                break Err(SendError::new(message, failure).into());
                            }
                            *this.stage = Stage::Unsent(message);
                            return Poll::Pending;
                        }
                    }
                }
                Stage::Sent { mut answer, exits } => {
                    *this.stage = match poll_answer(&mut answer, this.edge.as_ref(), task) {
                        Poll::Ready(Ok(answer)) => break Ok(answer),
                        Poll::Ready(Err(_)) => {
                            if let Some(edge) = this.edge {
                                edge.end();
                            }
                            *this.stage = Stage::Lost { exits, turn: None };
                            continue;
                        }
                        Poll::Pending => Stage::Sent { answer, exits },
                    };
                }
                Stage::Lost { exits, mut turn } => {
                    let path = || this.cell.core.path.clone();
                    let until = this.deadline.unwrap_or_else(Instant::now);
                    let ticket = this.spot.as_ref().and_then(Spot::ticket);
                    let waiter = Waiter { ticket, until, waker: task.waker() };
                    *this.stage = match this.cell.outcome(exits, &mut turn, &waiter) {
                        Outcome::Exited(reason) => {
                            break Err(AskError::sent(AskFailure::Exited { path: path(), reason }));
                        }
                        Outcome::NoReply => {
                            break Err(AskError::sent(AskFailure::NoReply { path: path() }));
                        }
                        Outcome::NotYet(ticket) => {
                            keep_spot(this.spot, this.cell, WaitFor::TurnEnd, ticket);
                            Stage::Lost { exits, turn }
                        }
                    };
                }
                Stage::Done => panic!("Ask polled after it was done"),
            }
            // Sent, and no word yet.
            let deadline = this.deadline.unwrap_or_else(Instant::now);
            if expired(this.timer.as_mut(), deadline, task) {
                let path = this.cell.core.path.clone();
                break Err(AskError::sent(AskFailure::TimedOut { path, within: *this.within }));
            }
            return Poll::Pending;
        };
        *this.edge = None;
        *this.spot = None;
        Poll::Ready(outcome)
    }
}

/// Polls for the answer. What an actor waits for is watched by its edge, which nothing but the
/// answer may wake: a budget that is used up must not wake it.
fn poll_answer<T>(
    answer: &mut oneshot::Receiver<T>,
    edge: Option<&Waiting>,
    task: &mut Task<'_>,
) -> Poll<Result<T, oneshot::error::RecvError>> {
    match edge {
        Some(edge) if coop::has_budget_remaining() => {
            let watch = edge.watch(task.waker());
            Pin::new(answer).poll(&mut Task::from_waker(&watch))
        }
        _ => Pin::new(answer).poll(task),
    }
}

/// Whether the time is up; sees to it that the task is woken then.
fn expired(mut timer: Pin<&mut Timer>, deadline: Instant, task: &mut Task<'_>) -> bool {
    match timer.as_mut().project() {
        TimerStage::None => {}
        TimerStage::Queued { place } => {
            place.update(task.waker());
            return Instant::now() >= deadline;
        }
        TimerStage::Own { sleep } => return sleep.poll(task).is_ready(),
    }
    match deadlines::enter(deadline, task.waker()) {
        Some(place) => {
            timer.set(Timer::Queued { place });
            false
        }
        None => {
            timer.set(Timer::Own { sleep: deadlines::timer(deadline) });
            expired(timer, deadline, task)
        }
    }
}

impl<A: Hosted, M: Message> fmt::Debug for Ask<A, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ask({})", self.cell.core.path)
    }
}
