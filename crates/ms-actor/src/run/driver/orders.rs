//! What comes through the control queue: served between any two messages.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::{Actor, AsyncContext};
use ms_core::ExitReason;
use ms_core::view::Lifecycle;

use crate::cell::any::AnyCell;
use crate::cell::control::{Control, Fault, Timer};
use crate::mail::mailbox::Gate;
use crate::refs::messages::ExitSignal;
use crate::run::context::Context;
use crate::run::driver::state::{During, Run, Turn};
use crate::sync::lock;

impl<A: Actor<Context = Context<A>>> Run<A> {
    pub(super) fn serve_control(&mut self, actor: &mut A) -> Option<Turn> {
        if !self.cell.core.flag.load(Ordering::Acquire) {
            return None;
        }
        let Some(messages) = self.cell.core.take_control_of(self.ctx.incarnation) else {
            return Some(Turn::Fenced);
        };
        let mut stop = None;
        for message in messages {
            match (&message, stop.take()) {
                // OTP: the first signal is the one that ends whoever does not trap exits.
                (Control::Kill(ExitReason::Killed), Some(first)) if !self.ctx.traps() => {
                    return Some(Turn::End(first));
                }
                (Control::Stop(reason), None) => stop = Some(reason.clone()),
                (_, earlier) => stop = earlier,
            }
            if let Some(end) = self.serve_one(actor, message) {
                return Some(end);
            }
        }
        None
    }

    fn serve_one(&mut self, actor: &mut A, message: Control) -> Option<Turn> {
        match message {
            Control::Kill(reason) => return Some(Turn::End(reason)),
            Control::Stop(reason) | Control::ParentExit(reason) => self.order_stop(reason),
            Control::Suspend => self.suspend(true),
            Control::Resume => self.suspend(false),
            Control::Status(reply) => {
                let mut status = self.cell.snapshot();
                status.types = self.types.counts();
                if self.waits.is_empty() {
                    // It answers this, between two messages.
                    status.handling = None;
                }
                // The asker may have given up; its loss.
                drop(reply.send(status));
            }
            Control::State(reply) => {
                self.during = During::State;
                drop(reply.send(self.cell.view.map(|view| view(actor))));
            }
            Control::TraceMessages(mut order) => {
                self.cell.core.traced.store(true, Ordering::Release);
                // Its time runs out even when not a message comes.
                let (until, cell) = (order.until, Arc::downgrade(&self.cell));
                order.timer = Some(Timer(actix_rt::spawn(async move {
                    tokio::time::sleep_until(until).await;
                    if let Some(cell) = cell.upgrade() {
                        cell.core.control(Control::TraceTimeout);
                    }
                })));
                self.trace = Some(Box::new(order));
            }
            Control::TraceTimeout => {
                if self
                    .trace
                    .as_ref()
                    .is_some_and(|order| tokio::time::Instant::now() >= order.until)
                {
                    self.end_trace();
                }
            }
            Control::Inject(fault) => self.inject(fault),
            Control::Exit { from, reason } => return self.exit_signal(actor, from, reason),
        }
        None
    }

    fn order_stop(&mut self, reason: ExitReason) {
        // A suspended actor would run neither its hooks nor what is to be drained.
        self.suspend(false);
        self.cell.core.set_lifecycle(Lifecycle::Stopping);
        if self.cell.core.mailbox_spec.drain_on_stop {
            lock(&self.cell.mailbox).set_gate(Gate::Refusing(Box::new(reason.clone())));
            self.draining = true;
            self.ctx.rare().stop_reason.get_or_insert(reason);
        } else {
            self.ctx.stop_with(reason);
        }
    }

    fn suspend(&mut self, suspended: bool) {
        if self.suspended == suspended {
            return;
        }
        self.suspended = suspended;
        self.cell.core.suspended.store(suspended, Ordering::Release);
        let running = if self.acknowledged { Lifecycle::Running } else { Lifecycle::Starting };
        self.cell.core.set_lifecycle(if suspended { Lifecycle::Suspended } else { running });
    }

    fn exit_signal(
        &mut self,
        actor: &mut A,
        from: Option<ms_core::ActorPath>,
        reason: ExitReason,
    ) -> Option<Turn> {
        if let Some(mut trap) = self.ctx.rare_if_any().and_then(|rare| rare.trap.take()) {
            self.during = During::Trap;
            trap(actor, &mut self.ctx, ExitSignal { from, reason });
            // Unless the handler has set another one.
            self.ctx.rare().trap.get_or_insert(trap);
            return None;
        }
        // OTP: `normal` from another process is dropped by one that does not trap exits.
        (reason != ExitReason::Normal).then_some(Turn::End(reason))
    }

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn inject(&mut self, fault: Fault) {
        use actix::fut::{ActorFutureExt, wrap_future};
        self.ctx.injected = true;
        self.during = During::Injected;
        match fault {
            Fault::Panic => panic!("injected fault"),
            Fault::Block(time) => {
                // It ends nothing by itself: whoever gives the actor up meanwhile looks at the
                // cell's mark.
                self.ctx.injected = false;
                self.cell.core.block(time);
            }
            Fault::Hang => self.ctx.wait(wrap_future::<_, A>(std::future::pending::<()>())),
            Fault::PanicAfterAwait => {
                let future = wrap_future::<_, A>(tokio::task::yield_now());
                self.ctx.wait(future.map(|(), _, _| panic!("injected fault after an await")));
            }
        }
        self.merge();
    }
}
