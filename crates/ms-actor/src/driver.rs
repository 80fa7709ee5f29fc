//! The run loop of an actor with our context: one future that owns the actor.
//!
//! One poll is one *turn*: control first, then whatever the actor waits for, then
//! at most [`BUDGET`] messages and as many future steps, then back to the arbiter,
//! so that neighbours and timers get theirs. All user code of a turn runs under one
//! `catch_unwind`; the instance lives outside of it and is dropped under another.
//!
//! The order of waits, messages and futures within a turn is actix's own
//! (`ContextFut::poll`), so that code written for `actix::Context` means the same.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use actix::{Actor, ActorContext, ActorState, AsyncContext, Running, SpawnHandle};
use futures_core::Stream;
use ms_core::view::{Lifecycle, TraceLine, TypeCount};
use ms_core::{ExitReason, Incarnation};

use crate::arbiter::ArbiterSlot;
use crate::cell::{self, AnyCell};
use crate::context::{Context, ExitSignal, Init, Item};
use crate::control::{Control, Fault, TraceOrder};
use crate::current;
use crate::envelope::{AddrLetter, Envelope};
use crate::host::{ChildNews, StartError};
use crate::hosted::{Cell, Hosted};
use crate::mailbox::{Gate, lock, nanos};
use crate::node::Node;
use crate::panics::{self, RawPanic};
use crate::refs::Ref;

/// Messages of one actor in one turn, and future steps.
pub(crate) const BUDGET: u32 = 256;

/// Every how manieth turn is timed precisely.
const TIME_EVERY: u32 = 16;

/// How a turn ended.
enum Turn {
    /// Nothing is left to do, unless something has come in meanwhile.
    Sleep,
    /// There is more to do; others first.
    Yield,
    /// The actor has ended.
    End(ExitReason),
    /// Somebody else ended it from outside.
    Fenced,
}

/// What was running when user code panicked.
#[derive(Debug, Clone, Copy)]
enum During {
    Started,
    Handle,
    Future(Option<&'static str>),
    Stopping,
    Stopped,
    Injected,
    State,
    Trap,
}

impl During {
    fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Handle => "handle",
            Self::Future(_) => "future",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Injected => "injected fault",
            Self::State => "state view",
            Self::Trap => "trap",
        }
    }
}

/// The future: the instance, and what serves it.
pub(crate) struct Driver<A: Actor<Context = Context<A>>> {
    actor: Option<A>,
    run: Run<A>,
}

/// Everything of an incarnation but the instance.
struct Run<A: Actor<Context = Context<A>>> {
    cell: Arc<Cell<A>>,
    /// The cell once more, lent to the thread while a turn runs.
    me: Option<Arc<dyn AnyCell>>,
    slot: Arc<ArbiterSlot>,
    incarnation: Incarnation,
    /// Ends counted when this life began: another number means it was fenced off.
    epoch: u32,
    ctx: Context<A>,
    waits: Vec<Item<A>>,
    items: Vec<Item<A>>,
    during: During,
    supervised: bool,
    started: bool,
    acknowledged: bool,
    suspended: bool,
    draining: bool,
    done: bool,
    turns: u32,
    clock: TurnClock,
    /// The turn has been ended already, when its mail ran out.
    settled: bool,
    types: Vec<(&'static str, u64)>,
    trace: Option<Box<TraceOrder>>,
}

impl<A: Actor<Context = Context<A>>> Driver<A> {
    /// Makes the actor on this very thread and starts serving it.
    pub(crate) fn begin(
        cell: Arc<Cell<A>>,
        incarnation: Incarnation,
        epoch: u32,
        slot: Arc<ArbiterSlot>,
    ) {
        let quiet = cell.core.node.config().quiet_panics;
        let me: Arc<dyn AnyCell> = Arc::clone(&cell) as Arc<dyn AnyCell>;
        let reference = Ref::new(Arc::clone(&cell));
        let made = panics::with_quiet(quiet, || panics::catch(|| (cell.factory)(&reference)));
        let outcome = match made {
            Ok(Ok(actor)) => {
                actix_rt::spawn(Self::new(cell, me, slot, incarnation, epoch, actor));
                return;
            }
            Ok(Err(StartError::Ignore)) => None,
            Ok(Err(StartError::Failed(reason))) => Some(reason),
            Err(raw) => Some(ExitReason::Panicked(Arc::new(raw.into_record("factory", None)))),
        };
        refuse_start(&*me, incarnation, outcome);
        slot.leave(me.core().uid, incarnation);
        me.core().node.vacate(&slot);
    }

    fn new(
        cell: Arc<Cell<A>>,
        me: Arc<dyn AnyCell>,
        slot: Arc<ArbiterSlot>,
        incarnation: Incarnation,
        epoch: u32,
        actor: A,
    ) -> Self {
        let supervised = cell.core.life(|life| life.parent.is_some());
        let run = Run {
            ctx: Context::new(Arc::clone(&cell), incarnation),
            cell,
            me: Some(me),
            slot,
            incarnation,
            epoch,
            waits: Vec::new(),
            items: Vec::new(),
            during: During::Started,
            supervised,
            started: false,
            acknowledged: false,
            suspended: false,
            draining: false,
            done: false,
            turns: 0,
            clock: TurnClock::default(),
            settled: false,
            types: Vec::new(),
            trace: None,
        };
        Self { actor: Some(actor), run }
    }
}

impl<A: Actor<Context = Context<A>>> Run<A> {
    // ---- one turn -------------------------------------------------------------

    fn turn(&mut self, actor: &mut A, task: &mut Task<'_>) -> Turn {
        if !self.started {
            if let Some(reason) = self.cell.core.killed_early() {
                return Turn::End(reason);
            }
            self.started = true;
            self.during = During::Started;
            actor.started(&mut self.ctx);
            if self.merge() {
                self.clean_cancelled();
            }
        }
        let (mut budget, mut steps) = (BUDGET, BUDGET);
        loop {
            if let Some(end) = self.serve_control(actor) {
                return end;
            }
            if self.suspended {
                return Turn::Sleep;
            }
            if !self.poll_waits(actor, task, &mut steps) {
                return if steps == 0 { Turn::Yield } else { Turn::Sleep };
            }
            if let Some(end) = self.acknowledge_init() {
                return end;
            }
            match self.serve_mail(actor, task, &mut budget) {
                Served::Rest => {}
                Served::Control => continue,
                Served::Fenced => return Turn::Fenced,
            }
            if !self.waits.is_empty() && !self.stopping() {
                continue;
            }
            if self.poll_items(actor, task, &mut steps) {
                continue;
            }
            self.ctx.running = SpawnHandle::default();
            if self.merge() && !self.stopping() {
                if self.items.is_empty() {
                    self.ctx.cancelled.clear();
                }
                if budget > 0 && steps > 0 {
                    continue;
                }
            }
            // A deferred init may have ended in this round.
            if let Some(end) = self.acknowledge_init() {
                return end;
            }
            if let Some(turn) = self.check_state(actor) {
                return turn;
            }
            return if budget == 0 || steps == 0 { Turn::Yield } else { Turn::Sleep };
        }
    }

    /// Polls what the actor waits for, the newest first. False while there is something left.
    fn poll_waits(&mut self, actor: &mut A, task: &mut Task<'_>, steps: &mut u32) -> bool {
        while !self.waits.is_empty() && !self.stopping() {
            if *steps == 0 {
                return false;
            }
            let at = self.waits.len() - 1;
            let item = &mut self.waits[at];
            self.during = During::Future(item.origin);
            self.ctx.handling = item.origin;
            current::set_blocking(true);
            let polled = item.future.as_mut().poll(actor, &mut self.ctx, task);
            current::set_blocking(false);
            if polled.is_pending() && self.ctx.state.alive() {
                return false;
            }
            *steps -= 1;
            let done = self.waits.remove(at);
            drop(done);
            self.merge();
        }
        true
    }

    /// Tells the supervisor that the init is over, once it is.
    fn acknowledge_init(&mut self) -> Option<Turn> {
        if self.acknowledged || !self.ctx.new_waits.is_empty() {
            return None;
        }
        match self.ctx.init {
            Init::Deferred if self.ctx.exit.is_none() => None,
            // Told to stop while its init still waits: then the init was never done.
            Init::Automatic if !self.waits.is_empty() => None,
            Init::Ignored => {
                self.ctx.init = Init::Done;
                Some(Turn::End(ExitReason::Normal))
            }
            _ if self.ctx.exit.is_some() || self.ctx.crashed.is_some() => None,
            _ => {
                self.ctx.init = Init::Done;
                self.acknowledged = true;
                let core = &self.cell.core;
                core.set_lifecycle(Lifecycle::Running);
                core.node.publish_start(core, self.incarnation);
                core.tell_parent(self.incarnation, ChildNews::Started);
                None
            }
        }
    }

    fn serve_mail(&mut self, actor: &mut A, task: &mut Task<'_>, budget: &mut u32) -> Served {
        self.pump_addr_lane(task);
        while !self.ctx.waiting() && *budget > 0 {
            if self.cell.core.flag.load(Ordering::Acquire) {
                return Served::Control;
            }
            let envelope = {
                let mut inbox = lock(&self.cell.lane);
                if inbox.exits != self.epoch {
                    return Served::Fenced;
                }
                let Some(envelope) = inbox.pop(&self.cell.core.mailbox) else {
                    if self.has_nothing_but_mail() {
                        // The turn is over: say so now, and save the lock at its end.
                        self.settled = true;
                        inbox.busy_ns += self.clock.busy(&self.cell.core.node);
                        inbox.end_turn(false);
                        inbox.park();
                    }
                    break;
                };
                if envelope.letter.is_stale() {
                    // The asker is gone: nobody wants the work done.
                    drop(inbox);
                    drop(envelope);
                    continue;
                }
                inbox.handled += 1;
                inbox.current = Some(envelope.letter.message_type());
                envelope
            };
            *budget -= 1;
            self.during = During::Handle;
            self.deliver(actor, envelope);
        }
        if self.draining && !self.ctx.waiting() && *budget > 0 {
            // All that waited is handled: now the stop proper.
            self.draining = false;
            self.ctx.stop();
        }
        Served::Rest
    }

    /// Whether the turn ends with the mail: nothing of the user's runs after it.
    fn has_nothing_but_mail(&self) -> bool {
        self.acknowledged
            && !self.draining
            && self.ctx.state == ActorState::Running
            && self.waits.is_empty()
            && self.items.is_empty()
            && self.ctx.new_items.is_empty()
            && self.ctx.new_waits.is_empty()
            && self.ctx.cancelled.is_empty()
    }

    #[inline]
    fn deliver(&mut self, actor: &mut A, envelope: Envelope<A>) {
        let message = envelope.letter.message_type();
        let waited = (envelope.stamp != 0).then(|| {
            let waited = self.cell.core.node.now().as_nanos().saturating_sub(envelope.stamp);
            lock(&self.cell.lane).record_wait(waited);
            waited
        });
        self.count(message);
        self.ctx.begin_message(message, envelope.letter.deadline());
        if self.trace.is_none() {
            envelope.letter.deliver(actor, &mut self.ctx);
            return;
        }
        let began = Instant::now();
        envelope.letter.deliver(actor, &mut self.ctx);
        let took = (self.ctx.new_waits.is_empty()).then(|| nanos(began.elapsed()) / 1_000);
        self.trace_line(message, waited, took);
    }

    /// Moves what came through plain addresses into the one queue, as far as there is room.
    fn pump_addr_lane(&mut self, task: &mut Task<'_>) {
        let Some(lane) = self.ctx.lane.get_mut() else { return };
        loop {
            if lock(&self.cell.lane).admits(&self.cell.core.mailbox).is_err() {
                // No room now: look again when this turn's messages are handled.
                task.waker().wake_by_ref();
                return;
            }
            let Poll::Ready(Some(envelope)) = Pin::new(&mut lane.messages).poll_next(task) else {
                return;
            };
            let letter = Box::new(AddrLetter(envelope));
            let node = &self.cell.core.node;
            lock(&self.cell.lane).push(Envelope { letter, stamp: 0 }, || node.now().as_nanos());
        }
    }

    /// Polls the actor's futures. True when something asks for a new round.
    ///
    /// Its steps are not the mailbox's budget: a flood of mail must not keep an
    /// actor from its own timers.
    fn poll_items(&mut self, actor: &mut A, task: &mut Task<'_>, steps: &mut u32) -> bool {
        let mut at = 0;
        while at < self.items.len() && !self.stopping() {
            if *steps == 0 {
                return false;
            }
            self.ctx.running = self.items[at].handle;
            self.during = During::Future(self.items[at].origin);
            self.ctx.handling = self.items[at].origin;
            let polled = self.items[at].future.as_mut().poll(actor, &mut self.ctx, task);
            if polled.is_ready() {
                *steps -= 1;
                let done = self.items.swap_remove(at);
                drop(done);
            }
            if self.ctx.waiting() {
                self.merge();
            }
            if polled.is_pending() && !self.ctx.cancelled.is_empty() {
                *steps -= 1;
                self.clean_cancelled();
                return true;
            }
            if !self.waits.is_empty() && !self.stopping() {
                // A future that waits again and again must not keep the others from their turn.
                if polled.is_pending() {
                    *steps -= 1;
                    let last = self.items.len() - 1;
                    self.items.swap(at, last);
                }
                return true;
            }
            if polled.is_pending() {
                at += 1;
            }
        }
        false
    }

    fn check_state(&mut self, actor: &mut A) -> Option<Turn> {
        match self.ctx.state {
            ActorState::Stopped => Some(self.terminated(actor)),
            ActorState::Stopping => {
                self.during = During::Stopping;
                self.cell.core.set_lifecycle(Lifecycle::Stopping);
                if actor.stopping(&mut self.ctx) == Running::Stop {
                    return Some(self.stopped(actor));
                }
                if self.ctx.state == ActorState::Stopped {
                    // Its hook ended it at once, with a reason perhaps.
                    return Some(self.terminated(actor));
                }
                // Asked for more time: it goes on until it stops by itself, or is killed.
                self.ctx.state = ActorState::Running;
                self.merge();
                Some(Turn::Yield)
            }
            _ if self.alive() => None,
            _ => {
                self.during = During::Stopping;
                (actor.stopping(&mut self.ctx) == Running::Stop).then(|| self.stopped(actor))
            }
        }
    }

    /// `ctx.terminate()`, `fail`, `exit_with`: no `stopping()`; `stopped()` as in actix,
    /// unless the actor failed.
    fn terminated(&mut self, actor: &mut A) -> Turn {
        if let Some(raw) = self.ctx.crashed.take() {
            let record = raw.into_record("detached response", self.ctx.handling);
            return Turn::End(ExitReason::Panicked(Arc::new(record)));
        }
        match self.ctx.exit.take() {
            Some(reason) => Turn::End(reason),
            None => self.stopped(actor),
        }
    }

    fn stopped(&mut self, actor: &mut A) -> Turn {
        self.during = During::Stopped;
        self.ctx.state = ActorState::Stopped;
        actor.stopped(&mut self.ctx);
        let given = self.ctx.exit.take().or_else(|| self.ctx.stop_reason.take());
        Turn::End(given.unwrap_or(ExitReason::Normal))
    }

    fn stopping(&self) -> bool {
        !self.ctx.state.alive()
    }

    /// Whether anybody could still want something of it.
    fn alive(&self) -> bool {
        self.supervised
            || self.cell.core.handles.load(Ordering::Acquire) > 0
            || self.ctx.lane.get().is_some_and(|lane| lane.messages.connected())
            || !self.items.is_empty()
            || !self.waits.is_empty()
            || lock(&self.cell.lane).depth() > 0
    }

    fn merge(&mut self) -> bool {
        let new = !self.ctx.new_waits.is_empty()
            || !self.ctx.new_items.is_empty()
            || !self.ctx.cancelled.is_empty();
        self.waits.append(&mut self.ctx.new_waits);
        self.items.append(&mut self.ctx.new_items);
        new
    }

    fn clean_cancelled(&mut self) {
        while let Some(handle) = self.ctx.cancelled.pop() {
            let of_it = |item: &Item<A>| item.handle == handle;
            if let Some(at) = self.items.iter().position(of_it) {
                self.items.swap_remove(at);
            } else if let Some(at) = self.ctx.new_items.iter().position(of_it) {
                self.ctx.new_items.swap_remove(at);
            }
        }
    }

    // ---- control --------------------------------------------------------------

    fn serve_control(&mut self, actor: &mut A) -> Option<Turn> {
        if !self.cell.core.flag.load(Ordering::Acquire) {
            return None;
        }
        let mut messages = self.cell.core.take_control();
        while let Some(message) = messages.pop_front() {
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
                status.types = self.type_counts();
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
            Control::Trace(order) => {
                self.cell.core.traced.store(true, Ordering::Release);
                // Its time runs out even when not a message comes.
                let (until, cell) = (order.until, Arc::downgrade(&self.cell));
                actix_rt::spawn(async move {
                    tokio::time::sleep_until(until).await;
                    if let Some(cell) = cell.upgrade() {
                        cell.core.control(Control::TraceTimeout);
                    }
                });
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
        self.suspend(false);
        self.cell.core.set_lifecycle(Lifecycle::Stopping);
        if self.cell.core.mailbox.drain_on_stop {
            lock(&self.cell.lane).set_gate(Gate::Refusing(reason.clone()));
            self.draining = true;
            self.ctx.stop_reason.get_or_insert(reason);
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
        if let Some(mut trap) = self.ctx.trap.take() {
            self.during = During::Trap;
            trap(actor, &mut self.ctx, ExitSignal { from, reason });
            self.ctx.trap.get_or_insert(trap);
            return None;
        }
        // OTP: `normal` from another process is dropped by one that does not trap exits.
        (reason != ExitReason::Normal).then_some(Turn::End(reason))
    }

    #[allow(
        clippy::panic,
        clippy::disallowed_methods,
        reason = "faults on demand are what this is for"
    )]
    fn inject(&mut self, fault: Fault) {
        use actix::fut::{ActorFutureExt, wrap_future};
        self.ctx.injected = true;
        self.during = During::Injected;
        match fault {
            Fault::Panic => panic!("injected fault"),
            Fault::Block(time) => {
                self.ctx.injected = false;
                std::thread::sleep(time);
            }
            Fault::Hang => self.ctx.wait(wrap_future::<_, A>(std::future::pending::<()>())),
            Fault::PanicAfterAwait => {
                let future = wrap_future::<_, A>(tokio::task::yield_now());
                self.ctx.wait(future.map(|(), _, _| panic!("injected fault after an await")));
            }
        }
        self.merge();
    }

    // ---- accounts -------------------------------------------------------------

    /// Counts a message by type. Names of one type are one string: its address tells most.
    #[inline]
    fn count(&mut self, message: &'static str) {
        let same = |known: &str| {
            std::ptr::eq(known.as_ptr(), message.as_ptr()) && known.len() == message.len()
        };
        for (name, count) in &mut self.types {
            if same(name) || *name == message {
                *count += 1;
                return;
            }
        }
        self.types.push((message, 1));
    }

    fn type_counts(&self) -> Vec<TypeCount> {
        let mut counts: Vec<_> = self
            .types
            .iter()
            .map(|&(name, count)| TypeCount { message: name.to_owned(), count })
            .collect();
        counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.message.cmp(&b.message)));
        counts
    }

    fn trace_line(&mut self, message: &'static str, waited: Option<u64>, took_us: Option<u64>) {
        let core = &self.cell.core;
        let Some(order) = &mut self.trace else { return };
        let line = TraceLine {
            at_us: core.node.now().as_nanos() / 1_000,
            path: core.path.clone(),
            message: message.to_owned(),
            waited_us: waited.map(|nanos| nanos / 1_000),
            took_us,
        };
        order.left -= 1;
        let sent = order.lines.try_send(line).is_ok();
        if !sent || order.left == 0 || tokio::time::Instant::now() >= order.until {
            self.end_trace();
        }
    }

    fn end_trace(&mut self) {
        self.trace = None;
        self.cell.core.traced.store(false, Ordering::Release);
    }

    fn panicked(&self, raw: RawPanic) -> ExitReason {
        let handling = match self.during {
            During::Future(origin) => origin,
            During::Handle | During::Injected => self.ctx.handling,
            _ => None,
        };
        ExitReason::Panicked(Arc::new(raw.into_record(self.during.name(), handling)))
    }
}

/// How the mail was served.
enum Served {
    Rest,
    Control,
    Fenced,
}

/// An end before the init was acknowledged is the init's failure.
pub(crate) fn init_failure(reason: ExitReason) -> ExitReason {
    match reason {
        ExitReason::Panicked(_) => ExitReason::InitFailed(Arc::new(reason)),
        other => other,
    }
}

/// A start on its way to its arbiter. One that never lands is a failed start.
pub(crate) struct Launch<A: Hosted> {
    cell: Option<Arc<Cell<A>>>,
    slot: Arc<ArbiterSlot>,
    incarnation: Incarnation,
}

impl<A: Hosted> Launch<A> {
    /// From here on the arbiter answers for it.
    pub(crate) fn new(
        cell: Arc<Cell<A>>,
        slot: &Arc<ArbiterSlot>,
        incarnation: Incarnation,
    ) -> Self {
        let me: Arc<dyn AnyCell> = Arc::clone(&cell) as Arc<dyn AnyCell>;
        slot.settle(cell.core.uid, incarnation, Arc::downgrade(&me));
        Self { cell: Some(cell), slot: Arc::clone(slot), incarnation }
    }

    pub(crate) fn land(mut self, begin: impl FnOnce(Arc<Cell<A>>, Arc<ArbiterSlot>)) {
        if let Some(cell) = self.cell.take() {
            begin(cell, Arc::clone(&self.slot));
        }
    }
}

impl<A: Hosted> Drop for Launch<A> {
    fn drop(&mut self) {
        if let Some(cell) = self.cell.take() {
            refuse_start(&*cell, self.incarnation, Some(ExitReason::ArbiterLost));
            self.slot.leave(cell.core.uid, self.incarnation);
            cell.core.node.vacate(&self.slot);
        }
    }
}

/// Ends a life whose factory made no actor.
pub(crate) fn refuse_start(
    cell: &dyn AnyCell,
    incarnation: Incarnation,
    failed: Option<ExitReason>,
) {
    let reason = failed.clone().map_or(ExitReason::Normal, init_failure);
    let Some(end) = cell::begin_end(cell, incarnation, &reason) else { return };
    match failed {
        None => cell.core().tell_parent(incarnation, ChildNews::Ignored),
        Some(_) => cell::finish_failed_start(cell, end, reason),
    }
}

impl<A: Actor<Context = Context<A>>> Driver<A> {
    /// Records the end, drops the instance where a panic in its `Drop` does no harm,
    /// and then tells the others: no successor starts before the instance is gone.
    fn finish(&mut self, reason: ExitReason) {
        self.run.done = true;
        let cell = Arc::clone(&self.run.cell);
        let ignored = !self.run.acknowledged && self.run.ctx.init == Init::Done;
        let mut reason =
            if self.run.acknowledged || ignored { reason } else { init_failure(reason) };
        let end = cell::begin_end(&*cell, self.run.incarnation, &reason);
        if let Some(raw) = self.drop_instance()
            && reason.is_clean()
        {
            reason = ExitReason::Panicked(Arc::new(raw.into_record("drop", None)));
        }
        if let Some(end) = end {
            if ignored {
                cell.core.tell_parent(self.run.incarnation, ChildNews::Ignored);
            } else if self.run.acknowledged {
                cell::finish_end(&*cell, end, reason, self.run.ctx.injected);
            } else {
                cell::finish_failed_start(&*cell, end, reason);
            }
        }
        self.run.slot.leave(cell.core.uid, self.run.incarnation);
        cell.core.node.vacate(&self.run.slot);
    }

    /// Drops all that is the user's, one by one. The first panic comes back.
    fn drop_instance(&mut self) -> Option<RawPanic> {
        let mut first = None;
        let mut keep = |dropped: Result<(), RawPanic>| {
            if let Err(raw) = dropped {
                first.get_or_insert(raw);
            }
        };
        let lists = [
            &mut self.run.items,
            &mut self.run.waits,
            &mut self.run.ctx.new_items,
            &mut self.run.ctx.new_waits,
        ];
        for list in lists {
            list.drain(..).for_each(|item| keep(panics::drop_caught(item)));
        }
        keep(panics::drop_caught(self.run.ctx.trap.take()));
        keep(panics::drop_caught(self.run.ctx.lane.take()));
        keep(panics::drop_caught(self.actor.take()));
        first
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
                this.run.slot.leave(this.run.cell.core.uid, this.run.incarnation);
                this.run.cell.core.node.vacate(&this.run.slot);
                Poll::Ready(())
            }
        }
    }
}

impl<A: Actor<Context = Context<A>>> Driver<A> {
    fn poll_turn(&mut self, task: &mut Task<'_>) -> Turn {
        let Self { actor: Some(actor), run } = self else { return Turn::Fenced };
        if !run.begin_turn(task) {
            return Turn::Fenced;
        }
        if let Some(me) = run.me.take() {
            current::enter(me);
        }
        let turn = panics::catch(|| run.turn(actor, task));
        run.me = current::leave();
        let turn = turn.unwrap_or_else(|raw| Turn::End(run.panicked(raw)));
        run.end_turn(turn)
    }
}

/// When a turn began: coarsely, and precisely for one in [`TIME_EVERY`].
#[derive(Default)]
struct TurnClock {
    coarse: u64,
    precise: Option<Instant>,
}

impl TurnClock {
    /// How long the turn has kept its thread, in nanoseconds, as far as it is known.
    fn busy(&self, node: &Node) -> u64 {
        match self.precise {
            Some(began) => nanos(began.elapsed()) * u64::from(TIME_EVERY),
            None => node.coarse().saturating_sub(self.coarse),
        }
    }
}

impl<A: Actor<Context = Context<A>>> Run<A> {
    /// Notes that a turn is on. False when this life was ended from outside.
    fn begin_turn(&mut self, task: &Task<'_>) -> bool {
        let coarse = self.cell.core.node.coarse();
        let mut inbox = lock(&self.cell.lane);
        if inbox.exits != self.epoch {
            return false;
        }
        // Under the lock: a late life must not put its waker over its successor's.
        self.cell.core.register(task.waker());
        inbox.turn_since = coarse;
        drop(inbox);
        self.turns = self.turns.wrapping_add(1);
        let precise = self.turns.is_multiple_of(TIME_EVERY).then(Instant::now);
        self.clock = TurnClock { coarse, precise };
        self.settled = false;
        true
    }

    /// Ends the turn for those who look at it. On an end, askers wait for its record.
    /// A turn that would sleep goes on if a message or control came in meanwhile.
    fn end_turn(&self, turn: Turn) -> Turn {
        let flagged = || self.cell.core.flag.load(Ordering::Acquire);
        if self.settled && matches!(turn, Turn::Sleep) {
            return if flagged() { Turn::Yield } else { Turn::Sleep };
        }
        let busy = if self.settled { 0 } else { self.clock.busy(&self.cell.core.node) };
        let mut inbox = lock(&self.cell.lane);
        if inbox.exits != self.epoch {
            return turn;
        }
        inbox.busy_ns += busy;
        if matches!(turn, Turn::End(_) | Turn::Fenced) {
            return turn;
        }
        inbox.end_turn(!self.waits.is_empty());
        let kept_from_mail = self.suspended || !self.waits.is_empty();
        let sleeps = matches!(turn, Turn::Sleep) && (inbox.park() || kept_from_mail) && !flagged();
        if sleeps { Turn::Sleep } else { Turn::Yield }
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Driver<A> {
    /// Only an arbiter that ends drops a run loop that is not done.
    fn drop(&mut self) {
        if !self.run.done {
            self.finish(ExitReason::ArbiterLost);
        }
    }
}
