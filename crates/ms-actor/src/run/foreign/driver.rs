//! The run loop of an unchanged actix actor.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use actix::dev::ContextFut;
use actix::{Actor, ActorContext};
use ms_core::view::Lifecycle;
use ms_core::{ExitReason, Incarnation};

use crate::cell::any::AnyCell;
use crate::cell::control::{Control, Fault};
use crate::cell::ending::{begin_end, finish_end, finish_failed_start};
use crate::cell::hosted::Cell;
use crate::cell::starting::announce_start;
use crate::current;
use crate::node::arbiter::Stay;
use crate::panics;
use crate::run::start::{init_failure, make};
use crate::sync::lock;
use crate::time::nanos;

type Actix<A> = actix::Context<A>;

/// The run loop: the future of actix, and what serves it.
pub(super) struct ForeignDriver<A: Actor<Context = Actix<A>>> {
    cell: Arc<Cell<A>>,
    me: Option<Arc<dyn AnyCell>>,
    stay: Stay,
    incarnation: Incarnation,
    epoch: u32,
    inner: Option<ContextFut<A, Actix<A>>>,
    stop_reason: Option<ExitReason>,
    started: bool,
    suspended: bool,
    hung: bool,
    injected: bool,
    done: bool,
}

enum Step {
    Pending,
    End(ExitReason),
    Fenced,
}

impl<A: Actor<Context = Actix<A>>> ForeignDriver<A> {
    pub(super) fn begin(
        cell: Arc<Cell<A>>,
        incarnation: Incarnation,
        epoch: u32,
        stay: Stay,
        ctx: Actix<A>,
    ) {
        make(cell, incarnation, stay, |cell, me, stay, actor| {
            let inner = Some(ctx.into_future(actor));
            actix_rt::spawn(Self {
                cell,
                me: Some(me),
                stay,
                incarnation,
                epoch,
                inner,
                stop_reason: None,
                started: false,
                suspended: false,
                hung: false,
                injected: false,
                done: false,
            });
        });
    }

    fn step(&mut self, task: &mut Task<'_>) -> Step {
        {
            let mut mailbox = lock(&self.cell.mailbox);
            if mailbox.exits != self.epoch {
                return Step::Fenced;
            }
            // Under the lock: a late life must not put its waker over its successor's.
            self.cell.core.bell.set(task.waker());
            if self.forsaken() {
                // Nobody holds it and nobody supervises it: to actix, its address is gone.
                mailbox.sender = None;
            }
            mailbox.turn_since = self.cell.core.node.coarse();
        }
        let began = Instant::now();
        if let Some(me) = self.me.take() {
            current::enter(me, self.incarnation);
        }
        let turn = panics::catch(|| self.turn(task));
        self.me = current::leave();
        let step = turn.unwrap_or_else(|raw| {
            let during = if self.started { "actix future" } else { "started" };
            Step::End(ExitReason::Panicked(Arc::new(raw.into_record(during, None))))
        });
        let mut mailbox = lock(&self.cell.mailbox);
        if mailbox.exits == self.epoch {
            mailbox.busy_ns += nanos(began.elapsed());
            if !matches!(step, Step::End(_)) {
                mailbox.end_turn();
            }
        }
        step
    }

    fn turn(&mut self, task: &mut Task<'_>) -> Step {
        if self.cell.core.flag.load(Ordering::Acquire) {
            let Some(messages) = self.cell.core.take_control_of(self.incarnation) else {
                return Step::Fenced;
            };
            for message in messages {
                if let Some(end) = self.serve(message) {
                    return end;
                }
            }
        }
        if self.suspended || self.hung {
            return Step::Pending;
        }
        let Some(inner) = &mut self.inner else { return Step::Fenced };
        let polled = Pin::new(inner).poll(task);
        // actix calls `started()` in the first poll of its future and reports nothing of it: that
        // poll is the init (fact 6).
        if !self.started {
            self.started = true;
            announce_start(&*self.cell, self.incarnation);
        }
        match polled {
            Poll::Pending => Step::Pending,
            Poll::Ready(()) => Step::End(self.stop_reason.take().unwrap_or(ExitReason::Normal)),
        }
    }

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn serve(&mut self, message: Control) -> Option<Step> {
        match message {
            Control::Kill(reason) => return Some(Step::End(reason)),
            Control::Stop(reason) | Control::ParentExit(reason) => {
                self.suspend(false);
                self.cell.core.set_lifecycle(Lifecycle::Stopping);
                self.stop_reason.get_or_insert(reason);
                if let Some(inner) = &mut self.inner {
                    inner.ctx().stop();
                }
            }
            Control::Suspend => self.suspend(true),
            Control::Resume => self.suspend(false),
            // The asker may have given up; its loss.
            Control::Status(reply) => drop(reply.send(self.cell.snapshot())),
            // Its state is inside actix's future.
            Control::State(reply) => drop(reply.send(None)),
            // Its messages cannot be seen: the trace ends at once, empty.
            Control::TraceMessages(order) => drop(order),
            Control::TraceTimeout => {}
            Control::Exit { reason: ExitReason::Normal, .. } => {}
            Control::Exit { reason, .. } => return Some(Step::End(reason)),
            Control::Inject(Fault::Hang) => {
                self.injected = true;
                self.hung = true;
            }
            Control::Inject(Fault::Block(time)) => self.cell.core.block(time),
            Control::Inject(Fault::Panic | Fault::PanicAfterAwait) => {
                self.injected = true;
                panic!("injected fault");
            }
        }
        None
    }

    fn forsaken(&self) -> bool {
        let core = &self.cell.core;
        core.handles.load(Ordering::Acquire) == 0 && !core.is_supervised()
    }

    fn suspend(&mut self, suspended: bool) {
        if self.suspended != suspended {
            self.suspended = suspended;
            self.cell.core.suspended.store(suspended, Ordering::Release);
            self.cell.core.set_lifecycle(if suspended {
                Lifecycle::Suspended
            } else {
                Lifecycle::Running
            });
        }
    }

    /// Drops the instance. actix calls `stopping` and `stopped` when its future is dropped alive,
    /// and a panic in them while unwinding would abort (fact 3), so it is marked as ended first.
    fn drop_instance(&mut self) -> Option<panics::RawPanic> {
        let mut inner = self.inner.take()?;
        panics::drop_caught({
            inner.ctx().terminate();
            inner
        })
        .err()
    }

    fn finish(&mut self, reason: ExitReason) {
        self.done = true;
        let cell = Arc::clone(&self.cell);
        let mut reason = if self.started { reason } else { init_failure(reason) };
        let end = begin_end(&*cell, self.incarnation, &reason, self.injected);
        if let Some(raw) = self.drop_instance()
            && reason.is_clean()
        {
            reason = ExitReason::Panicked(Arc::new(raw.into_record("drop", None)));
        }
        if let Some(end) = end {
            if self.started {
                finish_end(&*cell, end, reason);
            } else {
                finish_failed_start(&*cell, end, reason);
            }
        }
        cell.core.node.leave(&self.stay, &*cell, self.incarnation);
    }
}

impl<A: Actor<Context = Actix<A>>> Future for ForeignDriver<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.done {
            return Poll::Ready(());
        }
        let quiet = this.cell.core.node.config().quiet_panics;
        match panics::with_quiet(quiet, || this.step(task)) {
            Step::Pending => Poll::Pending,
            Step::End(reason) => {
                panics::with_quiet(quiet, || this.finish(reason));
                Poll::Ready(())
            }
            Step::Fenced => {
                this.done = true;
                panics::with_quiet(quiet, || this.drop_instance());
                this.cell.core.node.leave(&this.stay, &*this.cell, this.incarnation);
                Poll::Ready(())
            }
        }
    }
}

impl<A: Actor<Context = Actix<A>>> Drop for ForeignDriver<A> {
    fn drop(&mut self) {
        if !self.done {
            self.finish(ExitReason::ArbiterLost);
        }
    }
}
