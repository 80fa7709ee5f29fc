//! What a run loop is made of.

use std::sync::Arc;

use actix::Actor;
use ms_core::{ExitReason, Incarnation};

use crate::cell::any::AnyCell;
use crate::cell::control::TraceOrder;
use crate::cell::hosted::Cell;
use crate::few::Few;
use crate::node::arbiter::Stay;
use crate::run::context::{Context, Item};
use crate::run::driver::clock::TurnClock;
use crate::run::driver::types::Types;
use crate::run::start::make;

/// How a turn ended.
pub(super) enum Turn {
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
pub(super) enum During {
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
    pub(super) fn name(self) -> &'static str {
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
    pub(super) run: Run<A>,
    pub(super) actor: Option<A>,
}

/// Everything of an incarnation but the instance.
///
/// In this order in memory: what every turn touches lies together.
#[repr(C)]
pub(super) struct Run<A: Actor<Context = Context<A>>> {
    pub(super) stay: Stay,
    pub(super) cell: Arc<Cell<A>>,
    /// The cell once more, lent to the thread while a turn runs.
    pub(super) me: Option<Arc<dyn AnyCell>>,
    /// Ends counted when this life began: another number means it was fenced off.
    pub(super) epoch: u32,
    pub(super) turns: u8,
    pub(super) during: During,
    pub(super) supervised: bool,
    pub(super) started: bool,
    pub(super) acknowledged: bool,
    pub(super) suspended: bool,
    pub(super) draining: bool,
    pub(super) done: bool,
    /// What it waits for has asked other actors: they may be entered as waited for.
    pub(super) asks: bool,
    /// The turn has been ended already, when its mail ran out.
    pub(super) settled: bool,
    pub(super) waits: Few<Item<A>>,
    pub(super) items: Few<Item<A>>,
    pub(super) trace: Option<Box<TraceOrder>>,
    pub(super) types: Types,
    pub(super) clock: TurnClock,
    pub(super) ctx: Context<A>,
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
