//! The cell: what stays of an actor while its incarnations come and go.
//!
//! References point at a cell, and so do the registry, the tree and every
//! monitor. A cell owns the mailbox, the control queue and the record of the
//! present life; the incarnation that serves it is a task on some arbiter, known
//! by its number. Whoever ends an incarnation, be it the run loop itself, a kill
//! from outside or the watchdog, must win the number in `begin_end` (`ending.rs`); late
//! words of an incarnation that lost are dropped.

use std::sync::atomic::Ordering;

use ms_core::view::{Lifecycle, Tier};
use ms_core::{ActorPath, ChildType, ExitReason, Incarnation};

use crate::cell::bell::Bell;
use crate::cell::control::{self, Control};
use crate::cell::life::Life;
use crate::cell::parent::{ChildEvent, ChildNews, Parent};
use crate::few::Few;
use crate::mail::spec::MailboxSpec;
use crate::node::arbiter::NOWHERE;
use crate::node::handle::Node;
use crate::sync::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Mutex, lock};

/// The part of a cell that does not depend on the actor's type.
///
/// In this order in memory: what every turn looks at comes first, next to the mailbox.
#[repr(C)]
pub(crate) struct Core {
    pub(crate) node: Node,
    pub(crate) mailbox_spec: MailboxSpec,
    /// References that keep the actor alive.
    pub(crate) handles: AtomicUsize,
    pub(crate) arbiter: AtomicU32,
    /// Control is waiting: looked at between any two messages.
    pub(crate) flag: AtomicBool,
    /// Somebody keeps it whether or not anybody holds a reference.
    // Beside `life.parent`, so that the drop of a reference takes no lock.
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

impl Core {
    #[allow(clippy::too_many_arguments, reason = "the one place a cell's facts come together")]
    pub(crate) fn new(
        node: Node,
        path: ActorPath,
        actor_type: &'static str,
        tier: Tier,
        kind: ChildType,
        mailbox_spec: MailboxSpec,
        parent: Option<Parent>,
    ) -> Self {
        Self {
            uid: node.next_uid(),
            node,
            path,
            actor_type,
            tier,
            kind,
            mailbox_spec,
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

    /// Marks it as closed; false when it was closed already. Called under the lock of `life`.
    pub(crate) fn set_closed(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// Puts a control message before everything else and wakes the run loop.
    ///
    /// With nobody alive to read it, it is dropped, and with it the sender of its reply.
    pub(crate) fn control(&self, message: Control) {
        self.control_if(|live| live != Incarnation::NONE, message);
    }

    /// Does the same for one incarnation. False if that has ended: a successor may be there.
    pub(crate) fn control_of(&self, incarnation: Incarnation, message: Control) -> bool {
        self.control_if(|live| live == incarnation && live != Incarnation::NONE, message)
    }

    fn control_if(&self, meant: impl FnOnce(Incarnation) -> bool, message: Control) -> bool {
        let unread = self.life(|life| {
            if !meant(life.live) {
                return Some(message);
            }
            // Under the lock of `life`: what is meant for one life never lands with its successor.
            // Found by running this under loom.
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

    /// Returns the reason of a kill that arrived before anything ran: then not even `started` does.
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
        // The flag first: a message that comes between the two is taken now, and costs one look in
        // vain. The other way round it would lie unseen.
        self.flag.store(false, Ordering::Release);
        std::mem::take(&mut lock(&self.control))
    }

    /// Takes the control meant for `incarnation`; `None` once that has ended: the rest is its
    /// successor's.
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

    /// Reports something about `incarnation`.
    pub(crate) fn notify_parent(&self, incarnation: Incarnation, news: ChildNews) {
        if let Some(parent) = self.life(|life| life.parent.clone()) {
            parent.sink.child_event(ChildEvent { key: parent.key, incarnation, news });
        }
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
