//! A node: the arbiters of one process, its clock, its events and its dead letters.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix_rt::System;
use ms_core::time::later;
use ms_core::view::EventKind;
use ms_core::{ActorPath, ExitReason, Incarnation, NodeLife, Tick};

use crate::arbiter::ArbiterSlot;
use crate::cell::Core;
use crate::dead::{DeadLetter, DeadLetters};
use crate::error::BootError;
use crate::event_log::{EventLog, EventSource};
use crate::host::Placement;
use crate::mailbox::{lock, nanos};
use crate::resources::Resources;
use crate::{panics, watchdog};

/// Most arbiters a node may be given.
pub const MAX_ARBITERS: usize = 1024;
/// Deadlines this far away may be told by the coarse clock.
const COARSE_FROM: Duration = Duration::from_secs(2);
/// Longest time an arbiter may spin: more would be no spinning but polling.
const MAX_SPIN: Duration = Duration::from_millis(10);
/// A loop that stands still this long is shown as not responding.
const STALLED_NS: u64 = 500_000_000;
/// The watchdog looks every 20 ms, or 100 where nothing happens; when it comes so late, it is the process that stood still.
const STANDSTILL_NS: u64 = 1_000_000_000;
/// Events kept for readers that come later, or lag.
const KEPT_EVENTS: usize = 4096;

/// How a node is set up.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Its name, for views and sockets.
    pub name: String,
    /// Arbiters of the pool; 0 puts every actor on the thread that boots the node,
    /// which is the deterministic mode of tests.
    pub arbiters: usize,
    /// Take time from tokio's clock, which tests may pause. Only with `arbiters: 0`.
    pub virtual_time: bool,
    /// Keep the previous panic hook silent about supervised crashes.
    pub quiet_panics: bool,
    /// How long an arbiter's loop may stand still before it is abandoned and its
    /// actors are moved; `None` never does.
    pub wedged_after: Option<Duration>,
    /// How long an arbiter's loop goes on turning after it exchanged something with
    /// another thread, before it sleeps; zero never does. Saves waking it, at the price
    /// of a core that is busy meanwhile. Without effect on a single core.
    pub spin: Duration,
    /// Seeds what is random on the node (the jitter of delays). `None` takes the process
    /// and the time, or nothing but the actor's path where the node's time is virtual.
    pub seed: Option<u64>,
}

/// Long enough for a thread to be woken and to answer, twice.
const DEFAULT_SPIN: Duration = Duration::from_micros(100);

impl Default for NodeConfig {
    /// One arbiter a core, supervisors apart, abandoned after 15 s (three beats of 5 s).
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            name: "node".to_owned(),
            arbiters: cores,
            virtual_time: false,
            quiet_panics: false,
            wedged_after: Some(Duration::from_secs(15)),
            spin: DEFAULT_SPIN,
            seed: None,
        }
    }
}

impl NodeConfig {
    /// Everything on one thread, with a clock that tests may pause.
    #[must_use]
    pub fn single_arbiter() -> Self {
        Self {
            arbiters: 0,
            virtual_time: true,
            quiet_panics: true,
            wedged_after: None,
            ..Self::default()
        }
    }
}

/// A running node; cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

pub(crate) struct WeakNode(Weak<Inner>);

impl WeakNode {
    pub(crate) fn upgrade(&self) -> Option<Node> {
        self.0.upgrade().map(Node)
    }
}

struct Inner {
    config: NodeConfig,
    life: NodeLife,
    system: System,
    booted: Instant,
    booted_virtual: tokio::time::Instant,
    coarse: AtomicU64,
    /// When the coarse clock is to be set next.
    coarse_until: AtomicU64,
    /// When the process last began to run again after a standstill; 0 if it had none.
    resumed: AtomicU64,
    next_uid: AtomicU64,
    next_arbiter: AtomicU32,
    control: Mutex<Option<Arc<ArbiterSlot>>>,
    pool: Mutex<Vec<Arc<ArbiterSlot>>>,
    others: Mutex<Vec<Arc<ArbiterSlot>>>,
    dead: DeadLetters,
    events: EventLog<EventKind>,
    resources: Resources,
    stopping: AtomicBool,
}

/// Another for each boot. Keys of the standard hasher come from the operating system; time and
/// process are mixed in for a machine whose randomness comes again after a restart.
fn a_new_life() -> NodeLife {
    let mut hasher = RandomState::new().build_hasher();
    unix_ms().hash(&mut hasher);
    std::process::id().hash(&mut hasher);
    NodeLife::new(hasher.finish())
}

impl Node {
    /// Boots a node on the actix system of this thread.
    ///
    /// # Errors
    /// [`BootError::PanicAbort`] when the program cannot survive a crash at all,
    /// [`BootError::NoSystem`] outside an actix system, and what starting threads
    /// may bring.
    pub fn boot(config: NodeConfig) -> Result<Self, BootError> {
        if cfg!(panic = "abort") {
            return Err(BootError::PanicAbort);
        }
        check(&config)?;
        let handle = actix_rt::Arbiter::try_current().ok_or(BootError::NoSystem)?;
        panics::install_hook();
        let node = Self::new(config, System::try_current().ok_or(BootError::NoSystem)?);
        *lock(&node.0.control) =
            Some(ArbiterSlot::adopt_current(node.next_arbiter(), handle, &node));
        for _ in 0..node.0.config.arbiters {
            let slot = node.start_arbiter(false).map_err(BootError::Thread)?;
            lock(&node.0.pool).push(slot);
        }
        if !node.is_virtual() {
            watchdog::start(&node).map_err(BootError::Thread)?;
        }
        Ok(node)
    }

    fn new(config: NodeConfig, system: System) -> Self {
        Self(Arc::new(Inner {
            config,
            life: a_new_life(),
            system,
            booted: Instant::now(),
            booted_virtual: tokio::time::Instant::now(),
            coarse: AtomicU64::new(1),
            coarse_until: AtomicU64::new(nanos(watchdog::TICK)),
            resumed: AtomicU64::new(0),
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

    fn start_arbiter(&self, dedicated: bool) -> std::io::Result<Arc<ArbiterSlot>> {
        // actix wants to know the system of the thread that asks; the watchdog's has none.
        if System::try_current().is_none() {
            System::set_current(self.0.system.clone());
        }
        ArbiterSlot::start(self.next_arbiter(), dedicated, self)
    }

    fn next_arbiter(&self) -> u32 {
        self.0.next_arbiter.fetch_add(1, Ordering::Relaxed)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// Which life of the node this is: numbers it counts from its boot are of this life.
    #[must_use]
    pub fn life(&self) -> NodeLife {
        self.0.life
    }

    /// What is open on it: files, locks, listeners.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.0.resources
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &NodeConfig {
        &self.0.config
    }

    /// Time since it booted: virtual where the node's time is.
    #[must_use]
    pub fn now(&self) -> Tick {
        let since = if self.is_virtual() {
            self.0.booted_virtual.elapsed()
        } else {
            self.0.booted.elapsed()
        };
        Tick::from_nanos(nanos(since))
    }

    /// Time since it booted, in nanoseconds, never zero: costs one load. Up to 20 ms old, and up
    /// to 100 ms where every loop slept.
    pub(crate) fn coarse(&self) -> u64 {
        if self.is_virtual() {
            self.now().as_nanos().max(1)
        } else {
            self.0.coarse.load(Ordering::Relaxed)
        }
    }

    /// A deadline. Two seconds or more away it is told by the coarse clock, which costs a
    /// load: it may then be 20 ms late, or 100 ms where every loop slept; never early.
    pub(crate) fn deadline(&self, within: Duration) -> tokio::time::Instant {
        if within < COARSE_FROM || self.is_virtual() || self.is_stopping() {
            return crate::ask::after(within);
        }
        let since_boot = Duration::from_nanos(self.0.coarse_until.load(Ordering::Relaxed));
        later(later(self.0.booted_virtual, since_boot), within)
    }

    /// Sets the coarse clock, which is set again after a tick.
    pub(crate) fn refresh_coarse(&self, tick: Duration) {
        let now = self.now().as_nanos().max(1);
        let still = now.saturating_sub(self.0.coarse.load(Ordering::Relaxed));
        if still > STANDSTILL_NS {
            self.0.resumed.store(now, Ordering::Relaxed);
            let still = Duration::from_nanos(still);
            tracing::warn!(?still, "the process stood still: nobody is taken for hung for that");
        }
        self.0.coarse.store(now, Ordering::Relaxed);
        self.0.coarse_until.store(now.saturating_add(nanos(tick)), Ordering::Relaxed);
    }

    /// From when on silence counts. The whole process may have been stopped (SIGSTOP, a machine
    /// that was suspended or starved): monotonic time passed, and nothing ran, so nobody in it was
    /// silent for that time. The watchdog finds out; who comes before it finds its clock late.
    pub(crate) fn awake_since(&self, now: u64) -> u64 {
        let late = now.saturating_sub(self.0.coarse.load(Ordering::Relaxed));
        match !self.is_virtual() && late > STANDSTILL_NS {
            true => now,
            false => self.0.resumed.load(Ordering::Relaxed),
        }
    }

    /// How long its arbiters may spin: not at all where that would keep others from the core.
    pub(crate) fn spin_window(&self) -> Duration {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if cores > 1 { self.0.config.spin.min(MAX_SPIN) } else { Duration::ZERO }
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

    /// Arbiters at work: the control arbiter, the pool and dedicated ones.
    #[must_use]
    pub fn arbiter_count(&self) -> usize {
        1 + lock(&self.0.pool).len() + lock(&self.0.others).len()
    }

    /// Chooses an arbiter.
    pub(crate) fn place(&self, placement: Placement) -> Result<Arc<ArbiterSlot>, ExitReason> {
        let control = || lock(&self.0.control).clone().ok_or(ExitReason::ArbiterLost);
        match placement {
            Placement::Control => control(),
            Placement::WithParent => ArbiterSlot::here().map_or_else(control, Ok),
            Placement::Dedicated if self.0.config.arbiters > 0 => {
                let slot =
                    self.start_arbiter(true).map_err(|error| ExitReason::from_error(&error))?;
                lock(&self.0.others).push(Arc::clone(&slot));
                Ok(slot)
            }
            Placement::Dedicated | Placement::Pool => {
                // One that has ended has no load and would draw all: a new one in its place.
                let ended: Vec<_> =
                    lock(&self.0.pool).iter().filter(|slot| !slot.alive()).cloned().collect();
                if !self.is_stopping() {
                    ended.iter().for_each(|slot| self.abandon(slot));
                }
                let least = lock(&self.0.pool)
                    .iter()
                    .min_by_key(|slot| slot.load.load(Ordering::Relaxed))
                    .cloned();
                least.map_or_else(control, Ok)
            }
        }
    }

    /// Takes an arbiter out of use for good and puts a new one in its place.
    pub(crate) fn abandon(&self, slot: &Arc<ArbiterSlot>) {
        if slot.abandoned.swap(true, Ordering::AcqRel) {
            return;
        }
        slot.stop();
        lock(&self.0.others).retain(|known| known.id != slot.id);
        let mut pool = lock(&self.0.pool);
        let before = pool.len();
        pool.retain(|known| known.id != slot.id);
        if pool.len() < before {
            match self.start_arbiter(false) {
                Ok(fresh) => pool.push(fresh),
                Err(error) => tracing::error!(%error, "no thread for a new arbiter"),
            }
        }
    }

    /// Ends a dedicated arbiter whose actor has ended.
    pub(crate) fn vacate(&self, slot: &Arc<ArbiterSlot>) {
        if slot.dedicated && !slot.abandoned.swap(true, Ordering::AcqRel) {
            slot.stop();
            lock(&self.0.others).retain(|known| known.id != slot.id);
        }
    }

    /// Whether the loop of an arbiter has stood still for half a second or more.
    pub(crate) fn is_stalled(&self, arbiter: u32) -> bool {
        let now = self.now().as_nanos();
        let late =
            |slot: &Arc<ArbiterSlot>| slot.silent_for(now, self.awake_since(now)) > STALLED_NS;
        let of_it = |list: &Mutex<Vec<Arc<ArbiterSlot>>>| {
            lock(list).iter().find(|slot| slot.id == arbiter).is_some_and(late)
        };
        !self.is_virtual() && (of_it(&self.0.pool) || of_it(&self.0.others))
    }

    /// Arbiters that are to be watched.
    pub(crate) fn watched(&self) -> Vec<Arc<ArbiterSlot>> {
        let mut all = lock(&self.0.pool).clone();
        all.extend(lock(&self.0.others).iter().cloned());
        all
    }

    /// Stops the pool's threads and waits for them, at most `within`.
    ///
    /// Stop the tree first: an arbiter that ends drops its actors without their hooks.
    /// Returns how many threads did not end in time; they end with the process.
    #[allow(clippy::disallowed_methods, reason = "runs after the loops have ended")]
    pub fn halt(&self, within: Duration) -> usize {
        self.0.stopping.store(true, Ordering::Release);
        let until = later(Instant::now(), within);
        let slots = self.watched();
        slots.iter().for_each(|slot| slot.stop());
        let mut threads: Vec<_> = slots.iter().filter_map(|slot| slot.take_thread()).collect();
        while !threads.is_empty() && Instant::now() < until {
            threads.retain(actix_rt::Arbiter::alive);
            std::thread::sleep(Duration::from_millis(1));
        }
        threads.len()
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

    pub(crate) fn publish_start(&self, core: &Core, incarnation: Incarnation) {
        if self.0.events.has_readers() {
            self.publish(EventKind::Started { path: core.path.clone(), incarnation });
        }
    }

    pub(crate) fn publish_exit(&self, core: &Core, incarnation: Incarnation, reason: &ExitReason) {
        // The end of the node itself is nobody's fault, and no thread hung or died of it.
        let dropped = self.is_stopping() && matches!(reason, ExitReason::ArbiterLost);
        if dropped {
            tracing::debug!(path = %core.path, %incarnation, "actor dropped with its node");
        } else if !reason.is_clean() {
            tracing::warn!(path = %core.path, %incarnation, %reason, "actor ended");
        }
        if !reason.is_clean() || self.0.events.has_readers() {
            let (path, reason) = (core.path.clone(), reason.clone());
            self.publish(EventKind::Exited { path, incarnation, reason });
        }
    }

    /// The node's dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.0.dead
    }

    pub(crate) fn bury(&self, path: &ActorPath, message: &'static str, why: &'static str) {
        self.0.dead.bury(DeadLetter { path: path.clone(), message, why });
    }
}

/// Milliseconds since 1970 by the wall clock, for people only.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place; what it gives is for people")]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn check(config: &NodeConfig) -> Result<(), BootError> {
    if config.arbiters > MAX_ARBITERS {
        let value = config.arbiters.to_string();
        return Err(BootError::Config { what: "arbiters", value, bounds: "0 to 1024" });
    }
    if config.virtual_time && config.arbiters > 0 {
        let value = format!("with {} arbiters", config.arbiters);
        return Err(BootError::Config { what: "virtual_time", value, bounds: "arbiters = 0" });
    }
    match config.wedged_after {
        Some(limit) if limit < Duration::from_millis(200) => {
            let value = format!("{limit:?}");
            Err(BootError::Config { what: "wedged_after", value, bounds: "200 ms or more" })
        }
        _ => Ok(()),
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("name", &self.name()).finish_non_exhaustive()
    }
}
