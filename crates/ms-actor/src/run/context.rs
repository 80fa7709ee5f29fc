//! Our context: what an actor of tier 1 is given in every handler.

use std::any::type_name;
use std::cell::OnceCell;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use actix::dev::ContextParts;
use actix::dev::channel::{AddressReceiver, channel};
use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, ActorState, Addr, AsyncContext, SpawnHandle};
use ms_core::{ActorPath, ExitReason, Incarnation};
use tokio::time::Instant;

use crate::cell::hosted::Cell;
use crate::cell::state::StateValue;
use crate::few::Few;
use crate::node::handle::Node;
use crate::panics::RawPanic;
use crate::refs::handle::Ref;
use crate::refs::messages::ExitSignal;
use crate::sync::lock;

pub(crate) type BoxActorFuture<A> = Pin<Box<dyn ActorFuture<A, Output = ()>>>;

/// A future of the actor, with the message type it came from.
pub(crate) struct Item<A: Actor> {
    pub(crate) handle: SpawnHandle,
    pub(crate) origin: Option<&'static str>,
    pub(crate) future: BoxActorFuture<A>,
}

type Trap<A> = Box<dyn FnMut(&mut A, &mut Context<A>, ExitSignal)>;

/// What a context holds of what few actors have, or only at their end.
pub(crate) struct Rare<A: Actor<Context = Context<A>>> {
    /// The reason to end with, where the actor gave one.
    pub(crate) exit: Option<ExitReason>,
    pub(crate) stop_reason: Option<ExitReason>,
    pub(crate) crashed: Option<RawPanic>,
    pub(crate) trap: Option<Trap<A>>,
}

impl<A: Actor<Context = Context<A>>> Default for Rare<A> {
    fn default() -> Self {
        Self { exit: None, stop_reason: None, crashed: None, trap: None }
    }
}

/// How the end of the init is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Init {
    /// When `started()` has returned and what it gave to `ctx.wait` is done.
    Automatic,
    /// When the actor says so.
    Deferred,
    Done,
    Ignored,
}

/// The way in for plain actix addresses; made when the first is asked for.
pub(crate) struct AddrChannel<A: Actor<Context = Context<A>>> {
    parts: ContextParts<A>,
    pub(crate) messages: AddressReceiver<A>,
}

/// The execution context of an actor hosted by the kernel.
///
/// A drop-in for `actix::Context`: change `type Context = Context<Self>` to this
/// one and handlers, timers, streams and `ctx.wait` keep their meaning
/// (`docs/from-actix.md` lists every departure). What it adds: exit reasons,
/// monitors and links, a lasting reference ([`Context::me`]), a bounded mailbox
/// and a control channel that is served before it.
#[repr(C)]
pub struct Context<A: Actor<Context = Self>> {
    // In this order in memory: what every turn looks at comes first.
    pub(crate) state: ActorState,
    pub(crate) init: Init,
    pub(crate) injected: bool,
    pub(crate) new_waits: Few<Item<A>>,
    pub(crate) new_items: Few<Item<A>>,
    pub(crate) cancelled: Few<SpawnHandle>,
    pub(crate) addr_channel: OnceCell<Box<AddrChannel<A>>>,
    pub(crate) handling: Option<&'static str>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) running: SpawnHandle,
    rare: Option<Box<Rare<A>>>,
    pub(crate) cell: Arc<Cell<A>>,
    pub(crate) incarnation: Incarnation,
    last_handle: SpawnHandle,
}

/// What actix gives a mailbox; only `Addr::send` waits at it.
const ADDR_CHANNEL_CAPACITY: usize = 16;

impl<A: Actor<Context = Self>> Context<A> {
    pub(crate) fn new(cell: Arc<Cell<A>>, incarnation: Incarnation) -> Self {
        Self {
            cell,
            incarnation,
            state: ActorState::Running,
            new_waits: Few::default(),
            new_items: Few::default(),
            cancelled: Few::default(),
            running: SpawnHandle::default(),
            last_handle: SpawnHandle::default(),
            addr_channel: OnceCell::new(),
            init: Init::Automatic,
            rare: None,
            handling: None,
            deadline: None,
            injected: false,
        }
    }

    /// Returns a reference to this actor that stays valid over its restarts.
    #[must_use]
    pub fn me(&self) -> Ref<A> {
        Ref::new(Arc::clone(&self.cell))
    }

    /// Returns where it lives in the tree.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        &self.cell.core.path
    }

    /// Returns the number of this start.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Returns the node it lives on.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.cell.core.node
    }

    /// Returns the number of the arbiter it lives on.
    #[must_use]
    pub fn arbiter(&self) -> u32 {
        self.cell.core.arbiter.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Returns when the asker of the message being handled stops waiting; `None` for a tell.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns the type of the message being handled, or of the one the running future came from.
    #[must_use]
    pub fn handling(&self) -> Option<&'static str> {
        self.handling
    }

    /// Returns why it was ordered to stop, once it was.
    #[must_use]
    pub fn stop_reason(&self) -> Option<&ExitReason> {
        self.rare.as_ref()?.stop_reason.as_ref()
    }

    pub(crate) fn rare(&mut self) -> &mut Rare<A> {
        self.rare.get_or_insert_default()
    }

    /// Returns the rare parts if there are any, without making them.
    pub(crate) fn rare_if_any(&mut self) -> Option<&mut Rare<A>> {
        self.rare.as_deref_mut()
    }

    /// Returns whether the actor gave a reason to end with, or one of its detached responses
    /// panicked.
    pub(crate) fn has_failed(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.exit.is_some() || rare.crashed.is_some())
    }

    /// Returns the handle of the future that runs now, as in actix.
    #[must_use]
    pub fn handle(&self) -> SpawnHandle {
        self.running
    }

    /// Ends the actor with an error, without its stopping hooks: "let it crash".
    ///
    /// During init this is the init's failure.
    pub fn fail(&mut self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        self.exit_with(ExitReason::from_error(&*error.into()));
    }

    /// Ends the actor with `reason`, without its stopping hooks.
    pub fn exit_with(&mut self, reason: ExitReason) {
        self.rare().exit.get_or_insert(reason);
        self.state = ActorState::Stopped;
    }

    /// Stops in an orderly way, hooks included, and says why: OTP's `{stop, Reason, State}`.
    pub fn stop_with(&mut self, reason: ExitReason) {
        self.rare().stop_reason.get_or_insert(reason);
        self.stop();
    }

    /// Asks not to be started, during init, without that being an error (OTP's `ignore`).
    pub fn ignore(&mut self) {
        self.init = Init::Ignored;
        self.state = ActorState::Stopped;
    }

    /// Hands something, during init, to whoever starts the actor (OTP's `{ok, Pid, Info}`).
    pub fn set_start_info(&mut self, info: impl Into<StateValue>) {
        self.cell.core.life(|life| life.set_start_info(info.into()));
    }

    /// Says that an async handler which takes long is not hung; see heartbeats.
    pub fn heartbeat(&self) {
        let now = self.cell.core.node.coarse();
        lock(&self.cell.mailbox).heartbeat(now);
    }

    /// Leaves the end of the init to a later [`Context::init_done`]; to be called in `started`.
    ///
    /// Messages are served meanwhile; the supervisor starts the next sibling only then.
    pub fn defer_init(&mut self) {
        if self.init == Init::Automatic {
            self.init = Init::Deferred;
        }
    }

    /// Ends a deferred init: the actor counts as started.
    pub fn init_done(&mut self) {
        if self.init == Init::Deferred {
            self.init = Init::Automatic;
        }
    }

    /// Calls `handler` for exit signals, which then do not end the actor (OTP's `trap_exit`).
    pub fn trap_exit(&mut self, handler: impl FnMut(&mut A, &mut Self, ExitSignal) + 'static) {
        self.rare().trap = Some(Box::new(handler));
    }

    /// Returns whether exit signals go to a handler.
    pub(crate) fn traps(&mut self) -> bool {
        self.rare_if_any().is_some_and(|rare| rare.trap.is_some())
    }

    #[inline]
    pub(crate) fn begin_message(&mut self, message: &'static str, deadline: Option<Instant>) {
        self.handling = Some(message);
        self.deadline = deadline;
    }

    /// Ends the actor for a panic that happened outside the run loop, in a detached response.
    pub(crate) fn crash(&mut self, raw: RawPanic) {
        self.rare().crashed = Some(raw);
        self.state = ActorState::Stopped;
    }

    fn addr_channel(&self) -> &AddrChannel<A> {
        self.addr_channel.get_or_init(|| {
            let (_, messages) = channel(ADDR_CHANNEL_CAPACITY);
            // The run loop may be asleep: it must poll the new receiver once, to be woken by it.
            self.cell.core.flag.store(true, std::sync::atomic::Ordering::Release);
            self.cell.core.bell.ring();
            Box::new(AddrChannel { parts: ContextParts::new(messages.sender_producer()), messages })
        })
    }
}

impl<A: Actor<Context = Self>> ActorContext for Context<A> {
    fn stop(&mut self) {
        if self.state == ActorState::Running {
            self.state = ActorState::Stopping;
        }
    }

    fn terminate(&mut self) {
        self.state = ActorState::Stopped;
    }

    fn state(&self) -> ActorState {
        self.state
    }
}

impl<A: Actor<Context = Self>> AsyncContext<A> for Context<A> {
    fn address(&self) -> Addr<A> {
        self.addr_channel().parts.address()
    }

    fn spawn<F>(&mut self, future: F) -> SpawnHandle
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        let handle = self.last_handle.next();
        self.last_handle = handle;
        let origin = self.handling;
        self.new_items.push(Item { handle, origin, future: Box::pin(future) });
        handle
    }

    fn wait<F>(&mut self, future: F)
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        // As in actix, what is waited for has no handle and cannot be cancelled.
        let handle = SpawnHandle::default();
        let origin = self.handling;
        self.new_waits.push(Item { handle, origin, future: Box::pin(future) });
    }

    fn waiting(&self) -> bool {
        !self.new_waits.is_empty() || !self.state.alive()
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        // As actix: whether there is such a future is found out at the end of the turn.
        self.cancelled.push(handle);
        true
    }
}

impl<A: Actor<Context = Self>> fmt::Debug for Context<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("actor", &type_name::<A>())
            .field("path", self.path())
            .field("incarnation", &self.incarnation)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
