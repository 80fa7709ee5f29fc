//! Which actors the kernel can host: those for our context, and unchanged actix ones.

use std::sync::Arc;
use std::task::Waker;

use actix::{Actor, Message};
use ms_core::view::{ActorStatus, Tier};
use ms_core::{ExitReason, Incarnation};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::cell::any::{AnyCell, Asked, Outcome, Retired, RoomWait};
use crate::cell::core::Core;
use crate::cell::ending;
use crate::cell::state::StateValue;
use crate::error::StartError;
use crate::mail::line::{Ticket, WaitFor, Waiter};
use crate::mail::mailbox::Refusal;
use crate::node::arbiter::ArbiterSlot;
use crate::node::residents::Resident;

/// Makes actors of type `A`; may refuse, and may use the cell it makes one for. It is given the
/// cell and not a `Ref`, so that cells need not know references; `host/blueprint.rs` makes one.
pub(crate) type Factory<A> = Arc<dyn Fn(&Arc<Cell<A>>) -> Result<A, StartError> + Send + Sync>;

/// The lasting cell of an actor of type `A`; in this order in memory.
#[doc(hidden)]
#[repr(C)]
pub struct Cell<A: Hosted> {
    pub(crate) mailbox: A::Mailbox,
    pub(crate) core: Core,
    pub(crate) factory: Factory<A>,
    pub(crate) view: Option<fn(&A) -> StateValue>,
}

/// How a context is served by the kernel. Sealed: implemented by [`crate::Context`]
/// and by `actix::Context`.
#[doc(hidden)]
#[allow(private_interfaces, reason = "sealed: its methods are for the kernel alone")]
pub trait KernelContext<A: Actor<Context = Self>>: actix::ActorContext + 'static {
    /// Where messages wait.
    type Mailbox: Send + Sync + 'static;
    /// How much the kernel sees.
    const TIER: Tier;

    fn mailbox() -> Self::Mailbox;
    fn launch(cell: Arc<Cell<A>>, slot: &Arc<ArbiterSlot>) -> Incarnation;
    fn describe(cell: &Cell<A>, status: &mut ActorStatus);
    fn retire(cell: &Cell<A>, ended: Incarnation, reason: &ExitReason, keep_queue: bool)
    -> Retired;
    fn shut(cell: &Cell<A>, reason: &ExitReason, for_good: bool);
    fn depth(_: &Cell<A>) -> Option<u64> {
        None
    }
    fn in_turn(cell: &Cell<A>) -> bool;
    fn busy_since(cell: &Cell<A>) -> Option<u64>;
    fn outcome(cell: &Cell<A>, exits: u32, turn: &mut Option<u64>, waiter: &Waiter<'_>) -> Outcome;
    fn owes(cell: &Cell<A>, asked: Asked) -> bool;
    fn wait_for_room(cell: &Cell<A>, waiter: &Waiter<'_>) -> RoomWait;
    fn leave_line(cell: &Cell<A>, line: WaitFor, ticket: Ticket);
}

/// An actor the kernel can host: every actor whose context is [`crate::Context`]
/// or `actix::Context`. Implemented for all of them.
pub trait Hosted: Actor<Context: KernelContext<Self>> {
    #[doc(hidden)]
    type Mailbox: Send + Sync + 'static;
    #[doc(hidden)]
    const TIER: Tier;

    #[doc(hidden)]
    #[allow(private_interfaces, reason = "sealed: its methods are for the kernel alone")]
    fn cell(
        core: Core,
        factory: Factory<Self>,
        view: Option<fn(&Self) -> StateValue>,
    ) -> Arc<dyn AnyCell>;
}

impl<A> Hosted for A
where
    A: Actor,
    A::Context: KernelContext<A>,
{
    type Mailbox = <A::Context as KernelContext<A>>::Mailbox;
    const TIER: Tier = <A::Context as KernelContext<A>>::TIER;

    #[allow(private_interfaces, reason = "sealed: its methods are for the kernel alone")]
    fn cell(
        core: Core,
        factory: Factory<A>,
        view: Option<fn(&A) -> StateValue>,
    ) -> Arc<dyn AnyCell> {
        Arc::new(Cell { core, mailbox: <A::Context as KernelContext<A>>::mailbox(), factory, view })
    }
}

impl<A: Hosted> Resident for Cell<A> {
    fn live(&self) -> Incarnation {
        self.core.live()
    }

    fn in_turn(&self) -> bool {
        <A::Context as KernelContext<A>>::in_turn(self)
    }

    fn fence(&self, incarnation: Incarnation, reason: ExitReason) -> bool {
        ending::fence(self, incarnation, reason)
    }
}

impl<A: Hosted> AnyCell for Cell<A> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn launch(self: Arc<Self>, slot: &Arc<ArbiterSlot>) -> Incarnation {
        <A::Context as KernelContext<A>>::launch(self, slot)
    }

    fn snapshot(&self) -> ActorStatus {
        let mut status = self.core.describe();
        <A::Context as KernelContext<A>>::describe(self, &mut status);
        status
    }

    fn retire(&self, ended: Incarnation, reason: &ExitReason, keep_queue: bool) -> Retired {
        <A::Context as KernelContext<A>>::retire(self, ended, reason, keep_queue)
    }

    fn shut(&self, reason: &ExitReason, for_good: bool) {
        <A::Context as KernelContext<A>>::shut(self, reason, for_good);
        if for_good {
            self.core.close(reason);
        }
    }

    fn depth(&self) -> Option<u64> {
        <A::Context as KernelContext<A>>::depth(self)
    }

    fn busy_since(&self) -> Option<u64> {
        <A::Context as KernelContext<A>>::busy_since(self)
    }

    fn outcome(&self, exits: u32, turn: &mut Option<u64>, waiter: &Waiter<'_>) -> Outcome {
        <A::Context as KernelContext<A>>::outcome(self, exits, turn, waiter)
    }

    fn owes(&self, asked: Asked) -> bool {
        <A::Context as KernelContext<A>>::owes(self, asked)
    }

    fn wait_for_room(&self, waiter: &Waiter<'_>) -> RoomWait {
        <A::Context as KernelContext<A>>::wait_for_room(self, waiter)
    }

    fn leave_line(&self, line: WaitFor, ticket: Ticket) {
        <A::Context as KernelContext<A>>::leave_line(self, line, ticket);
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn std::any::Any + Send + Sync> {
        self
    }
}

/// An ask that was taken, with the number of ends counted so far; or the message back.
pub(crate) type Offered<M> = Result<(oneshot::Receiver<<M as Message>::Result>, u32), (M, Refusal)>;

/// A context that takes messages of type `M` for `A`. Sealed; what it asks of `M`
/// is what actix asks: a message that can be sent, with an answer that can.
#[doc(hidden)]
#[allow(private_interfaces, reason = "sealed: its methods are for the kernel alone")]
pub trait Accepts<A: Actor<Context = Self>, M: Message>: KernelContext<A> {
    fn offer(cell: &Cell<A>, message: M, ticket: Option<Ticket>) -> Result<(), (M, Refusal)>;

    fn offer_ask(cell: &Cell<A>, message: M, terms: AskTerms<'_>) -> Offered<M>;
}

/// What an ask is sent with beside its message.
pub(crate) struct AskTerms<'a> {
    pub(crate) deadline: Instant,
    /// Where it has waited for room.
    pub(crate) ticket: Option<Ticket>,
    /// Woken when the answer is given or can no longer come, and by nothing else. It is registered
    /// before the actor can see the message.
    pub(crate) watch: Option<&'a Waker>,
}
