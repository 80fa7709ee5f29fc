//! The run loop of an actor with our context: one future that owns the actor.
//!
//! One poll is one *turn*: control first, then whatever the actor waits for, then
//! at most [`turn::BUDGET`] messages and as many future steps, then back to the arbiter,
//! so that neighbours and timers get theirs. All user code of a turn runs under one
//! `catch_unwind`; the instance lives outside of it and is dropped under another.
//!
//! The order of waits, messages and futures within a turn is actix's own
//! (`ContextFut::poll`), so that code written for `actix::Context` means the same.
//!
//! `turn.rs` is one turn, `orders.rs` what control asks for, `accounts.rs` what is
//! measured and counted, `ending.rs` how a life ends or never begins.

mod accounts;
mod ending;
mod orders;
mod turn;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use actix::Actor;
use ms_core::{ExitReason, Incarnation};

use self::accounts::{TurnClock, Types};
pub(crate) use self::ending::{Launch, init_failure, refuse_start};
use crate::cell::control::TraceOrder;
use crate::cell::core::AnyCell;
use crate::cell::hosted::{Cell, Hosted};
use crate::current;
use crate::few::Few;
use crate::host::blueprint::StartError;
use crate::node::arbiter::Stay;
use crate::panics;
use crate::refs::handle::Ref;
use crate::run::context::{Context, Item};

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
    Future,
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
            Self::Future => "future",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Injected => "injected fault",
            Self::State => "state view",
            Self::Trap => "trap",
        }
    }
}

/// The future: the instance, and what serves it.
#[repr(C)]
pub(crate) struct Driver<A: Actor<Context = Context<A>>> {
    run: Run<A>,
    actor: Option<A>,
}

/// Everything of an incarnation but the instance.
///
/// In this order in memory: what every turn touches lies together.
#[repr(C)]
struct Run<A: Actor<Context = Context<A>>> {
    stay: Stay,
    cell: Arc<Cell<A>>,
    /// The cell once more, lent to the thread while a turn runs.
    me: Option<Arc<dyn AnyCell>>,
    /// Ends counted when this life began: another number means it was fenced off.
    epoch: u32,
    turns: u8,
    during: During,
    supervised: bool,
    started: bool,
    acknowledged: bool,
    suspended: bool,
    draining: bool,
    done: bool,
    /// What it waits for has asked other actors: they may be entered as waited for.
    asks: bool,
    /// The turn has been ended already, when its mail ran out.
    settled: bool,
    waits: Few<Item<A>>,
    items: Few<Item<A>>,
    trace: Option<Box<TraceOrder>>,
    types: Types,
    clock: TurnClock,
    ctx: Context<A>,
}

/// Makes the actor on this very thread and has it served; where there is none, says so.
pub(crate) fn make<A: Hosted>(
    cell: Arc<Cell<A>>,
    incarnation: Incarnation,
    stay: Stay,
    serve: impl FnOnce(Arc<Cell<A>>, Arc<dyn AnyCell>, Stay, A),
) {
    let quiet = cell.core.node.config().quiet_panics;
    let me: Arc<dyn AnyCell> = Arc::clone(&cell) as Arc<dyn AnyCell>;
    let reference = Ref::new(Arc::clone(&cell));
    let made = panics::with_quiet(quiet, || panics::catch(|| (cell.factory)(&reference)));
    let outcome = match made {
        Ok(Ok(actor)) => return serve(cell, me, stay, actor),
        Ok(Err(StartError::Ignore)) => None,
        Ok(Err(StartError::Failed(reason))) => Some(reason),
        Err(raw) => Some(ExitReason::Panicked(Arc::new(raw.into_record("factory", None)))),
    };
    refuse_start(&*me, incarnation, outcome);
    stay.end(&*me, incarnation);
}

impl<A: Actor<Context = Context<A>>> Driver<A> {
    /// Makes the actor on this very thread and starts serving it.
    pub(crate) fn begin(cell: Arc<Cell<A>>, incarnation: Incarnation, epoch: u32, stay: Stay) {
        make(cell, incarnation, stay, |cell, me, stay, actor| {
            actix_rt::spawn(Self::new(cell, me, stay, incarnation, epoch, actor));
        });
    }

    pub(crate) fn new(
        cell: Arc<Cell<A>>,
        me: Arc<dyn AnyCell>,
        stay: Stay,
        incarnation: Incarnation,
        epoch: u32,
        actor: A,
    ) -> Self {
        let supervised = cell.core.is_supervised();
        let run = Run {
            ctx: Context::new(Arc::clone(&cell), incarnation),
            cell,
            me: Some(me),
            stay,
            epoch,
            waits: Few::default(),
            items: Few::default(),
            during: During::Started,
            supervised,
            started: false,
            acknowledged: false,
            suspended: false,
            draining: false,
            done: false,
            asks: false,
            turns: 0,
            clock: TurnClock::default(),
            settled: false,
            types: Types::default(),
            trace: None,
        };
        Self { actor: Some(actor), run }
    }
}

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
                this.run.stay.end(&*this.run.cell, this.run.ctx.incarnation);
                Poll::Ready(())
            }
        }
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
