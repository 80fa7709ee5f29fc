//! The cell: what stays of an actor while its incarnations come and go.
//!
//! References point at a cell, and so do the registry, the tree and every
//! monitor. A cell owns the mailbox, the control queue and the record of the
//! present life; the incarnation that serves it is a task on some arbiter, known
//! by its number. Whoever ends an incarnation, be it the run loop itself, a kill
//! from outside or the watchdog, must win the number in `begin_end` (`end_of_life.rs`); late
//! words of an incarnation that lost are dropped.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::Waker;

use ms_core::view::{ActorStatus, Lifecycle, MailboxView, Mark, Tier};
use ms_core::{ActorPath, ChildType, ExitReason, Incarnation, Tick};

use crate::cell::bell::Bell;
use crate::cell::control::{self, Control};
use crate::cell::ending::UntoldEnd;
use crate::cell::follow::Follows;
use crate::cell::monitor::Watcher;
use crate::cell::state::StateValue;
use crate::few::Few;
use crate::host::blueprint::{ChildEvent, ChildNews, Parent};
use crate::mail::line::{Ticket, WaitFor, Waiter};
use crate::mail::spec::MailboxSpec;
use crate::node::arbiter::ArbiterSlot;
use crate::node::handle::Node;
use crate::refs::waits::Edge;
use crate::sync::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Mutex, lock};

/// The part of a cell that does not depend on the actor's type.
///
/// In this order in memory: what every turn looks at comes first, next to the mailbox.
#[repr(C)]
pub(crate) struct Core {
    pub(crate) node: Node,
    pub(crate) mailbox: MailboxSpec,
    /// References that keep the actor alive.
    pub(crate) handles: AtomicUsize,
    pub(crate) arbiter: AtomicU32,
    /// Control is waiting: looked at between any two messages.
    pub(crate) flag: AtomicBool,
    /// Somebody keeps it whether or not anybody holds a reference.
    supervised: AtomicBool,
    lifecycle: AtomicU8,
    pub(crate) suspended: AtomicBool,
    /// An injected fault blocks its thread.
    pub(crate) blocked_by_injection: AtomicBool,
    pub(crate) traced: AtomicBool,
    /// No further incarnation will come.
    closed: AtomicBool,
    pub(crate) tier: Tier,
    pub(crate) kind: ChildType,
    pub(crate) uid: u64,
    pub(crate) path: ActorPath,
    pub(crate) actor_type: &'static str,
    pub(crate) bell: Bell,
    control: Mutex<Few<Control>>,
    life: Mutex<Life>,
}

/// The present life, and what is told of its end.
#[derive(Default)]
pub(crate) struct Life {
    /// The live incarnation; zero when there is none.
    pub(crate) live: Incarnation,
    /// The number given last.
    pub(crate) last: Incarnation,
    /// The live incarnation's init is done.
    pub(crate) ready: bool,
    /// Starts that are being told right now: ends have to wait, see `end_of_life.rs`. More
    /// than one where a successor was begun before the life before it had told its own.
    pub(crate) announcing: u16,
    /// No other comes after the live one: the cell closes when it ends.
    pub(crate) final_life: bool,
    pub(crate) started: Tick,
    pub(crate) restarts: u64,
    pub(crate) last_exit: Option<Box<ExitReason>>,
    pub(crate) parent: Option<Parent>,
    /// Who is told over all incarnations, and whom this actor follows; see `follow.rs`.
    pub(crate) follows: Option<Box<Follows>>,
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few actors have.
#[derive(Default)]
pub(crate) struct Rare {
    /// Who monitors this life, by the monitors' numbers.
    pub(crate) watchers: BTreeMap<u64, Watcher>,
    /// Whom this life monitors, by the same: its monitors end with it.
    pub(crate) watching: BTreeMap<u64, Weak<dyn AnyCell>>,
    /// By the others' numbers.
    pub(crate) links: BTreeMap<u64, Arc<dyn AnyCell>>,
    /// Whom the actor waits for while it serves nothing else; see `waits.rs`.
    pub(crate) waiting_on: BTreeMap<usize, Arc<Edge>>,
    /// What the init handed to whoever started the actor: OTP's `{ok, Pid, Info}`.
    start_info: Option<StateValue>,
    /// Ends to be told once the starts are: not of one life, as the rest is, but of all.
    pub(crate) held_ends: Vec<UntoldEnd>,
}

impl Life {
    pub(crate) fn start_info(&self) -> Option<&StateValue> {
        self.rare.as_ref()?.start_info.as_ref()
    }

    pub(crate) fn set_start_info(&mut self, info: StateValue) {
        self.rare.get_or_insert_default().start_info = Some(info);
    }

    /// Takes what belonged to the life that ends.
    pub(crate) fn take_rare(&mut self) -> Option<Box<Rare>> {
        let mut rare = self.rare.take()?;
        if !rare.held_ends.is_empty() {
            let held_ends = std::mem::take(&mut rare.held_ends);
            self.rare = Some(Box::new(Rare { held_ends, ..Rare::default() }));
        }
        Some(rare)
    }
}

/// No arbiter.
pub(crate) const NOWHERE: u32 = u32::MAX;

impl Core {
    #[allow(clippy::too_many_arguments, reason = "the one place a cell's facts come together")]
    pub(crate) fn new(
        node: Node,
        path: ActorPath,
        actor_type: &'static str,
        tier: Tier,
        kind: ChildType,
        mailbox: MailboxSpec,
        parent: Option<Parent>,
    ) -> Self {
        Self {
            uid: node.next_uid(),
            node,
            path,
            actor_type,
            tier,
            kind,
            mailbox,
            bell: Bell::default(),
            flag: AtomicBool::new(false),
            suspended: AtomicBool::new(false),
            blocked_by_injection: AtomicBool::new(false),
            traced: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            supervised: AtomicBool::new(parent.is_some()),
            lifecycle: AtomicU8::new(lifecycle_code(Lifecycle::Stopped)),
            handles: AtomicUsize::new(0),
            arbiter: AtomicU32::new(NOWHERE),
            control: Mutex::default(),
            life: Mutex::new(Life { parent, ..Life::default() }),
        }
    }

    pub(crate) fn life<R>(&self, with: impl FnOnce(&mut Life) -> R) -> R {
        with(&mut lock(&self.life))
    }

    pub(crate) fn live(&self) -> Incarnation {
        self.life(|life| life.live)
    }

    pub(crate) fn last_exit(&self) -> ExitReason {
        self.life(|life| life.last_exit.as_deref().cloned()).unwrap_or(ExitReason::NoProc)
    }

    pub(crate) fn lifecycle(&self) -> Lifecycle {
        lifecycle_of(self.lifecycle.load(Ordering::Acquire))
    }

    pub(crate) fn set_lifecycle(&self, state: Lifecycle) {
        self.lifecycle.store(lifecycle_code(state), Ordering::Release);
    }

    pub(crate) fn is_supervised(&self) -> bool {
        self.supervised.load(Ordering::Acquire)
    }

    pub(crate) fn adopt(&self, parent: Parent) {
        self.life(|life| life.parent = Some(parent));
        self.supervised.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// False when it was closed already. Called under the lock of `life`.
    pub(crate) fn set_closed(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// Puts a control message before everything else and wakes the run loop.
    ///
    /// With nobody alive to read it, it is dropped, and with it the sender of its reply.
    pub(crate) fn control(&self, message: Control) {
        self.control_if(|live| live != Incarnation::NONE, message);
    }

    /// The same for one incarnation. False if that has ended: a successor may be there.
    pub(crate) fn control_of(&self, incarnation: Incarnation, message: Control) -> bool {
        self.control_if(|live| live == incarnation && live != Incarnation::NONE, message)
    }

    fn control_if(&self, meant: impl FnOnce(Incarnation) -> bool, message: Control) -> bool {
        let unread = self.life(|life| {
            if !meant(life.live) {
                return Some(message);
            }
            control::append(&mut lock(&self.control), message);
            None
        });
        let sent = unread.is_none();
        if sent {
            self.flag.store(true, Ordering::Release);
            self.bell.ring();
        }
        sent
    }

    /// The reason of a kill that arrived before anything ran: then not even `started` does.
    pub(crate) fn killed_early(&self) -> Option<ExitReason> {
        if !self.flag.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.control).iter().find_map(|message| match message {
            Control::Kill(reason) => Some(reason.clone()),
            _ => None,
        })
    }

    pub(crate) fn take_control(&self) -> Few<Control> {
        self.flag.store(false, Ordering::Release);
        std::mem::take(&mut lock(&self.control))
    }

    /// What is meant for `incarnation`; `None` once that has ended: the rest is its successor's.
    pub(crate) fn take_control_of(&self, incarnation: Incarnation) -> Option<Few<Control>> {
        self.life(|life| (life.live == incarnation).then(|| self.take_control()))
    }

    /// Blocks the thread, on demand. Whoever gives the actor up meanwhile knows why.
    #[allow(clippy::disallowed_methods, reason = "faults on demand are what this is for")]
    pub(crate) fn block(&self, time: std::time::Duration) {
        let live = self.life(|life| life.live);
        self.blocked_by_injection.store(true, Ordering::Release);
        std::thread::sleep(time);
        // A successor may be blocked as well by now.
        if self.life(|life| life.live) == live {
            self.blocked_by_injection.store(false, Ordering::Release);
        }
    }

    /// Claims the next incarnation number. No control waits: an end takes what is left of it.
    pub(crate) fn begin_life(&self, arbiter: u32) -> Incarnation {
        let now = self.node.now();
        self.suspended.store(false, Ordering::Release);
        self.blocked_by_injection.store(false, Ordering::Release);
        self.traced.store(false, Ordering::Release);
        self.arbiter.store(arbiter, Ordering::Release);
        self.set_lifecycle(Lifecycle::Starting);
        self.life(|life| {
            life.last = life.last.next();
            life.live = life.last;
            life.ready = false;
            life.started = now;
            life.last
        })
    }

    /// Tells the supervisor something about `incarnation`.
    pub(crate) fn tell_parent(&self, incarnation: Incarnation, news: ChildNews) {
        if let Some(parent) = self.life(|life| life.parent.clone()) {
            parent.sink.child_event(ChildEvent { key: parent.key, incarnation, news });
        }
    }

    /// Watches the live incarnation; with none, the reason of the last end comes back.
    pub(crate) fn watch(&self, watcher: Watcher) -> Result<(), (Watcher, ExitReason)> {
        self.life(|life| {
            if life.live == Incarnation::NONE {
                Err((watcher, ExitReason::NoProc))
            } else {
                life.rare.get_or_insert_default().watchers.insert(watcher.id(), watcher);
                Ok(())
            }
        })
    }

    pub(crate) fn unwatch(&self, id: u64) {
        let watcher = self.life(|life| life.rare.as_mut()?.watchers.remove(&id));
        // What it tells is dropped where nothing is locked.
        drop(watcher);
    }

    /// Notes that `incarnation` monitors another actor. False if that life has ended.
    pub(crate) fn add_watching(
        &self,
        incarnation: Incarnation,
        id: u64,
        other: Weak<dyn AnyCell>,
    ) -> bool {
        self.life(|life| {
            let lives = life.live == incarnation;
            if lives {
                life.rare.get_or_insert_default().watching.insert(id, other);
            }
            lives
        })
    }

    pub(crate) fn remove_watching(&self, id: u64) {
        self.life(|life| life.rare.as_mut()?.watching.remove(&id));
    }

    pub(crate) fn add_link(&self, other: Arc<dyn AnyCell>) -> bool {
        self.life(|life| {
            if life.live == Incarnation::NONE {
                return false;
            }
            let uid = other.core().uid;
            life.rare.get_or_insert_default().links.entry(uid).or_insert(other);
            true
        })
    }

    pub(crate) fn remove_link(&self, other: u64) {
        let link = self.life(|life| life.rare.as_mut()?.links.remove(&other));
        drop(link);
    }

    /// False when that life has ended: what its thread still does concerns nobody.
    pub(crate) fn add_wait(&self, incarnation: Incarnation, edge: &Arc<Edge>) -> bool {
        self.life(|life| {
            let lives = life.live == incarnation;
            if lives {
                let waits = &mut life.rare.get_or_insert_default().waiting_on;
                waits.insert(edge.key(), Arc::clone(edge));
            }
            lives
        })
    }

    pub(crate) fn remove_wait(&self, edge: &Arc<Edge>) {
        let edge = self.life(|life| life.rare.as_mut()?.waiting_on.remove(&edge.key()));
        drop(edge);
    }

    /// The actor serves others again, whatever asks of its are still on their way.
    pub(crate) fn end_waits(&self, incarnation: Incarnation) {
        let edges = self.life(|life| {
            let rare = life.rare.as_mut().filter(|_| life.live == incarnation)?;
            let left = !rare.waiting_on.is_empty();
            left.then(|| std::mem::take(&mut rare.waiting_on))
        });
        drop(edges);
    }

    /// Whom the actor has asked and may wait for: see [`Edge::is_on`].
    pub(crate) fn waits(&self) -> Vec<Arc<Edge>> {
        self.life(|life| {
            let rare = life.rare.as_ref();
            rare.map(|rare| rare.waiting_on.values().cloned().collect()).unwrap_or_default()
        })
    }
}

fn lifecycle_code(state: Lifecycle) -> u8 {
    match state {
        Lifecycle::Starting => 0,
        Lifecycle::Running => 1,
        Lifecycle::Suspended => 2,
        Lifecycle::Stopping => 3,
        Lifecycle::Restarting => 4,
        Lifecycle::Stopped => 5,
    }
}

fn lifecycle_of(code: u8) -> Lifecycle {
    match code {
        0 => Lifecycle::Starting,
        1 => Lifecycle::Running,
        2 => Lifecycle::Suspended,
        3 => Lifecycle::Stopping,
        4 => Lifecycle::Restarting,
        _ => Lifecycle::Stopped,
    }
}

impl Core {
    /// The parts of a status that do not depend on how the actor is served.
    pub(crate) fn describe(&self) -> ActorStatus {
        let now = self.node.now();
        let arbiter = self.arbiter.load(Ordering::Acquire);
        let (live, last, started, restarts, last_exit) = self.life(|life| {
            (life.live, life.last, life.started, life.restarts, life.last_exit.as_deref().cloned())
        });
        let alive = live != Incarnation::NONE;
        ActorStatus {
            path: self.path.clone(),
            incarnation: last,
            kind: self.kind,
            tier: self.tier,
            actor_type: self.actor_type.to_owned(),
            lifecycle: self.lifecycle(),
            restart: None,
            restarts,
            mailbox: MailboxView {
                capacity: self.mailbox.capacity.map(|bound| bound as u64),
                overflow: self.mailbox.overflow.as_str().to_owned(),
                ..MailboxView::default()
            },
            handling: None,
            handled: 0,
            busy_us: 0,
            arbiter: (arbiter != NOWHERE).then_some(arbiter),
            uptime_ms: alive.then(|| now.since(started).as_millis() as u64),
            last_exit,
            types: Vec::new(),
            marks: self.marks(),
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let mut marks = Vec::new();
        if self.node.is_stalled(self.arbiter.load(Ordering::Acquire)) {
            // Perhaps not through its own fault: its thread does not turn.
            marks.push(Mark::Unresponsive);
        }
        if self.suspended.load(Ordering::Acquire) {
            marks.push(Mark::Suspended);
        }
        if self.traced.load(Ordering::Acquire) {
            marks.push(Mark::Traced);
        }
        marks
    }
}

/// A cell whose actor type is not known to the holder.
pub(crate) trait AnyCell: Send + Sync + 'static {
    fn core(&self) -> &Core;

    /// Starts the next incarnation on `slot`; the outcome goes to the parent.
    fn launch(self: Arc<Self>, slot: &Arc<ArbiterSlot>) -> Incarnation;

    /// What can be said without asking the actor.
    fn snapshot(&self) -> ActorStatus;

    /// Ends the mailbox's part of a life, once, and never that of a later one. Returns
    /// messages that waited and messages dropped.
    fn retire(&self, ended: Incarnation, reason: &ExitReason, keep_queue: bool) -> Retired;

    /// Refuses mail from now on, and drops what waits unless it is to be drained.
    fn shut(&self, reason: &ExitReason, for_good: bool);

    /// Messages that wait; `None` where that is not knowable.
    fn depth(&self) -> Option<u64>;

    /// True while a turn of the run loop is on: on a blocked thread, the culprit.
    fn in_turn(&self) -> bool;

    /// Coarse time since when it is at one message, on its thread or in an async handler.
    fn busy_since(&self) -> Option<u64>;

    /// Looks up what became of an ask made when `exits` ends had been counted. `turn` keeps
    /// the turn that was on when it was looked up first: one answer per turn is enough.
    fn fate(&self, exits: u32, turn: &mut Option<u64>, waiter: &Waiter<'_>) -> Fate;

    /// Whether an ask has anything to wait for here.
    fn owes(&self, asked: Asked) -> bool;

    /// Waits in the line for room in the mailbox, unless there is some already.
    fn wait_for_room(&self, waiter: &Waiter<'_>) -> RoomWait;

    /// Takes a ticket back; one that is not known any more is no matter.
    fn leave_line(&self, line: WaitFor, ticket: Ticket);

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// What a mailbox held when its actor ended.
#[derive(Debug, Default)]
pub(crate) struct Retired {
    pub(crate) depth: Option<u64>,
    pub(crate) dropped: u64,
    /// What woke the run loop, where the mailbox knew it.
    pub(crate) waker: Option<Waker>,
}

/// What became of an ask whose reply sender is gone.
pub(crate) enum Fate {
    Exited(ExitReason),
    NoReply,
    /// The turn is not over: the waiter stands in line for its end.
    NotYet(Ticket),
}

/// How far an ask is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    /// It waits for room.
    NotYet,
    /// It was taken when so many ends had been counted.
    When { exits: u32 },
}

/// What became of the wish to wait for room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoomWait {
    pub(crate) ticket: Option<Ticket>,
    /// Whether there may be room now: then the message is to be offered again.
    pub(crate) again: bool,
}
