//! A node: the arbiters of one process, its clock, its events and its dead letters.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_rt::System;
use ms_core::view::EventKind;
use ms_core::{ActorPath, ExitReason, Incarnation, NodeLife, Tick};

use crate::node::arbiter::ArbiterSlot;
use crate::node::clock::Clock;
use crate::node::config::NodeConfig;
use crate::node::dead_letters::{DeadLetter, DeadLetters};
use crate::node::event_log::{EventLog, EventSource};
use crate::node::resources::Resources;
use crate::time::after;

/// Events kept for readers that come later, or lag.
const KEPT_EVENTS: usize = 4096;

/// A running node; cheap to clone.
#[derive(Clone)]
pub struct Node(pub(super) Arc<Inner>);

pub(crate) struct WeakNode(Weak<Inner>);

impl WeakNode {
    pub(crate) fn upgrade(&self) -> Option<Node> {
        self.0.upgrade().map(Node)
    }
}

pub(super) struct Inner {
    pub(super) config: NodeConfig,
    life: NodeLife,
    pub(super) system: System,
    pub(super) clock: Clock,
    next_uid: AtomicU64,
    pub(super) next_arbiter: AtomicU32,
    pub(super) control: Mutex<Option<Arc<ArbiterSlot>>>,
    pub(super) pool: Mutex<Vec<Arc<ArbiterSlot>>>,
    pub(super) others: Mutex<Vec<Arc<ArbiterSlot>>>,
    dead: DeadLetters,
    events: EventLog<EventKind>,
    resources: Resources,
    pub(super) stopping: AtomicBool,
}

/// Makes a life that no other boot has. Keys of the standard hasher come from the operating system;
/// time and process are mixed in for a machine whose randomness comes again after a restart.
fn a_new_life() -> NodeLife {
    let mut hasher = RandomState::new().build_hasher();
    unix_ms().hash(&mut hasher);
    std::process::id().hash(&mut hasher);
    NodeLife::new(hasher.finish())
}

impl Node {
    pub(super) fn new(config: NodeConfig, system: System) -> Self {
        let clock = Clock::new(config.virtual_time);
        Self(Arc::new(Inner {
            config,
            life: a_new_life(),
            system,
            clock,
            next_uid: AtomicU64::new(1),
            next_arbiter: AtomicU32::new(0),
            control: Mutex::new(None),
            pool: Mutex::new(Vec::new()),
            others: Mutex::new(Vec::new()),
            dead: DeadLetters::default(),
            events: EventLog::new(KEPT_EVENTS),
            resources: Resources::default(),
            stopping: AtomicBool::new(false),
        }))
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// Returns the life of the node; the numbers that it counts from its boot belong to it.
    #[must_use]
    pub fn life(&self) -> NodeLife {
        self.0.life
    }

    /// Returns the list of what is open on it: files, locks, listeners.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.0.resources
    }

    /// Returns its configuration.
    #[must_use]
    pub fn config(&self) -> &NodeConfig {
        &self.0.config
    }

    /// Returns the time since it booted: virtual where the node's time is.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.0.clock.now()
    }

    /// Returns the time since it booted, in nanoseconds, never zero: costs one load. Up to 20 ms
    /// old, and up to 100 ms where every loop slept.
    pub(crate) fn coarse(&self) -> u64 {
        self.0.clock.coarse()
    }

    /// Returns a deadline. Two seconds or more away it is set by the coarse clock, which costs a
    /// load: it may then be 20 ms late, or 100 ms where every loop slept; never early.
    pub(crate) fn deadline(&self, within: Duration) -> tokio::time::Instant {
        // The watchdog sets the coarse clock, and ends when the node stops.
        if self.is_stopping() { after(within) } else { self.0.clock.deadline(within) }
    }

    /// Sets the coarse clock, which is set again after a tick.
    pub(super) fn refresh_coarse(&self, tick: Duration) {
        self.0.clock.refresh_coarse(tick);
    }

    /// Returns since when silence counts: not while the whole process stood still.
    pub(crate) fn awake_since(&self, now: u64) -> u64 {
        self.0.clock.awake_since(now)
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.0.config.virtual_time
    }

    pub(crate) fn downgrade(&self) -> WeakNode {
        WeakNode(Arc::downgrade(&self.0))
    }

    pub(crate) fn next_uid(&self) -> u64 {
        self.0.next_uid.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Appends an event to the node's log and hands it to its readers.
    pub fn publish(&self, kind: EventKind) {
        self.0.events.publish([kind], || self.now().as_millis());
    }

    /// Returns where the node's events are read: the last 4,096, and those to come.
    #[must_use]
    pub fn events(&self) -> &EventSource<EventKind> {
        self.0.events.source()
    }

    pub(crate) fn publish_start(&self, path: &ActorPath, incarnation: Incarnation) {
        if self.0.events.has_readers() {
            self.publish(EventKind::Started { path: path.clone(), incarnation });
        }
    }

    pub(crate) fn publish_exit(
        &self,
        path: &ActorPath,
        incarnation: Incarnation,
        reason: &ExitReason,
    ) {
        // The end of the node itself is nobody's fault, and no thread hung or died of it.
        let dropped = self.is_stopping() && matches!(reason, ExitReason::ArbiterLost);
        if dropped {
            tracing::debug!(%path, %incarnation, "actor dropped with its node");
        } else if !reason.is_clean() {
            tracing::warn!(%path, %incarnation, %reason, "actor ended");
        }
        // A crash is kept for whoever asks later, though nobody follows the log now.
        if !reason.is_clean() || self.0.events.has_readers() {
            let (path, reason) = (path.clone(), reason.clone());
            self.publish(EventKind::Exited { path, incarnation, reason });
        }
    }

    /// Returns the node's dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.0.dead
    }

    pub(crate) fn dead_letter(&self, path: &ActorPath, message: &'static str, why: &'static str) {
        self.0.dead.add(DeadLetter { path: path.clone(), message, why });
    }
}

/// Returns the milliseconds since 1970 by the wall clock, for people only.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place; what it gives is for people")]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("name", &self.name()).finish_non_exhaustive()
    }
}
