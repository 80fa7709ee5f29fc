//! The run loop as a future: one poll is one turn.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use actix::Actor;
use ms_core::ExitReason;

use crate::current;
use crate::panics;
use crate::run::context::Context;
use crate::run::driver::state::{Driver, Turn};

impl<A: Actor<Context = Context<A>>> Driver<A> {
    fn poll_turn(&mut self, task: &mut Task<'_>) -> Turn {
        let Self { actor: Some(actor), run } = self else { return Turn::Fenced };
        let Some(first) = run.begin_turn(task) else { return Turn::Fenced };
        if let Some(me) = run.me.take() {
            current::enter(me, run.ctx.incarnation);
        }
        let turn = panics::catch(|| run.turn(actor, task, first));
        run.me = current::leave();
        let turn = turn.unwrap_or_else(|raw| Turn::End(run.panicked(raw)));
        run.end_turn(turn)
    }
}

impl<A: Actor<Context = Context<A>>> Future for Driver<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.run.done {
            return Poll::Ready(());
        }
        let quiet = this.run.cell.core.node.config().quiet_panics;
        match panics::with_quiet(quiet, || this.poll_turn(task)) {
            Turn::Sleep => Poll::Pending,
            Turn::Yield => {
                task.waker().wake_by_ref();
                Poll::Pending
            }
            Turn::End(reason) => {
                panics::with_quiet(quiet, || this.finish(reason));
                Poll::Ready(())
            }
            Turn::Fenced => {
                // Its successor may be at work already: go without a word.
                this.run.done = true;
                panics::with_quiet(quiet, || this.drop_instance());
                let run = &this.run;
                run.cell.core.node.leave(&run.stay, &*run.cell, run.ctx.incarnation);
                Poll::Ready(())
            }
        }
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Driver<A> {
    /// Ends a run loop that is not done: its arbiter ends.
    fn drop(&mut self) {
        if !self.run.done {
            self.finish(ExitReason::ArbiterLost);
        }
    }
}
