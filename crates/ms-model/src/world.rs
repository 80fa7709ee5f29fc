//! The world around one policy: the children that live, the answers that are awaited, and the timers.

use std::hash::{Hash, Hasher};

use ms_core::{ChildPolicy, ExitReason, Incarnation, Tick};
use ms_policy::{
    ChildEntry, ChildKey, ChildState, Command, Effect, Event, Phase, Policy, Reply, StartCause,
    Target, Ticket,
};

use crate::laws::Law;
use crate::oracle::Oracle;
use crate::setup::{Budget, DELAY, PERIOD, Setup, id};

/// The outcome of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The child runs.
    Started,
    /// Its init said `ignore`.
    Ignored,
    /// Its init failed.
    Failed,
}

/// The way a child ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Normal,
    /// As it was told to: the end of an orderly stop.
    Shutdown,
    /// A crash.
    Boom,
    /// By a kill: the end of a stop that took too long.
    Killed,
}

/// A command to the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// `terminate_child`.
    Terminate(&'static str),
    /// `restart_child`.
    Restart(&'static str),
    /// `delete_child`.
    Delete(&'static str),
    /// `start_child` of a permanent child: a new one, or one that is there.
    Start(&'static str),
}

/// One thing that happens to a supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A start that is awaited has this outcome.
    Answer(Outcome),
    /// A child ends, and the supervisor is notified.
    Exit(ChildKey, End),
    /// A child loses its arbiter.
    Evacuate(ChildKey),
    /// A retry is due.
    Retry(ChildKey),
    /// The timer of a backoff fires.
    Ring(ChildKey, Incarnation),
    /// A command comes.
    Command(Ask),
    /// The parent's order to stop.
    Shutdown,
    /// A period passes.
    Period,
}

/// The reason that the parent gives: one that no supervisor has by itself.
const PARENT: &str = "parent";

/// A supervisor and its surroundings.
#[derive(Clone)]
pub struct World {
    policy: Policy,
    now: Tick,
    budget: Budget,
    every_reason: bool,
    /// The start in progress.
    starting: Option<(ChildKey, Incarnation)>,
    /// The child that was told to stop.
    stopping: Option<ChildKey>,
    /// The living children, including those that were told to stop. Events come in any order, so a
    /// child counts as alive until the supervisor was notified of its end.
    alive: Vec<(ChildKey, Incarnation)>,
    retries: Vec<ChildKey>,
    timers: Vec<(ChildKey, Incarnation)>,
    /// Commands without an answer.
    owed: Vec<(Ticket, Ask, Option<ChildKey>)>,
    shutdown: bool,
    ended: bool,
    oracle: Oracle,
}

impl World {
    /// Returns a supervisor that begins its boot; `None` if the policy refuses the setup.
    #[must_use]
    pub fn new(setup: &Setup) -> Option<Self> {
        let policy = Policy::new(setup.flags(), setup.children()).ok()?;
        let mut world = Self {
            policy,
            now: Tick::ZERO,
            budget: setup.budget,
            every_reason: setup.every_reason,
            starting: None,
            stopping: None,
            alive: Vec::new(),
            retries: Vec::new(),
            timers: Vec::new(),
            owed: Vec::new(),
            shutdown: false,
            ended: false,
            oracle: Oracle::new(),
        };
        world.feed(Event::Boot);
        Some(world)
    }

    /// Returns the first law that was broken, if there is one.
    #[must_use]
    pub fn broken(&self) -> Option<Law> {
        self.oracle.broken
    }

    /// Says whether nothing is in progress and nothing can begin by itself.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.ended || (self.policy.phase() == Phase::Idle && self.alive.is_empty())
    }

    /// Adds everything that may happen next.
    pub fn possible(&self, actions: &mut Vec<Action>) {
        // Nothing after a broken law is worth exploring, and it would only lead to longer reports.
        if self.ended || self.oracle.broken.is_some() {
            return;
        }
        if self.starting.is_some() {
            let outcomes = [Outcome::Started, Outcome::Ignored, Outcome::Failed];
            actions.extend(outcomes.map(Action::Answer));
        }
        for &(key, _) in &self.alive {
            let ends: &[End] = match (self.every_reason, self.stopping == Some(key)) {
                (true, _) => &[End::Normal, End::Shutdown, End::Boom, End::Killed],
                (false, true) => &[End::Shutdown, End::Killed],
                (false, false) => &[End::Normal, End::Boom],
            };
            actions.extend(ends.iter().map(|end| Action::Exit(key, *end)));
            if self.budget.evacuations > 0 {
                actions.push(Action::Evacuate(key));
            }
        }
        actions.extend(self.retries.iter().map(|key| Action::Retry(*key)));
        actions.extend(self.timers.iter().map(|&(key, life)| Action::Ring(key, life)));
        if self.budget.commands > 0 {
            for name in ["a", "b", "c"] {
                let asks = [Ask::Terminate(name), Ask::Restart(name), Ask::Delete(name)];
                actions.extend(asks.map(Action::Command));
            }
            actions.extend(["a", "d"].map(|name| Action::Command(Ask::Start(name))));
        }
        if self.budget.periods > 0 {
            actions.push(Action::Period);
        }
        if !self.shutdown {
            actions.push(Action::Shutdown);
        }
    }

    /// Makes one of them happen.
    pub fn step(&mut self, action: Action) {
        match action {
            Action::Answer(outcome) => self.answer(outcome),
            Action::Exit(key, end) => {
                let reason = reason(end);
                if let Some(incarnation) = self.die(key) {
                    self.feed(Event::Exited { key, incarnation, reason });
                }
            }
            Action::Evacuate(key) => {
                self.budget.evacuations -= 1;
                if let Some(incarnation) = self.die(key) {
                    self.feed(Event::Evacuated { key, incarnation });
                }
            }
            Action::Retry(key) => {
                let at = self.retries.iter().position(|known| *known == key);
                at.map(|at| self.retries.remove(at));
                self.feed(Event::TryAgain { key });
            }
            Action::Ring(key, incarnation) => {
                self.timers.retain(|known| *known != (key, incarnation));
                self.feed(Event::BackoffElapsed { key, incarnation });
            }
            Action::Command(ask) => self.ask(ask),
            Action::Shutdown => {
                self.shutdown = true;
                self.feed(Event::Shutdown { reason: ExitReason::shutdown_with(PARENT) });
            }
            Action::Period => {
                self.budget.periods -= 1;
                self.now = self.now + PERIOD;
            }
        }
    }

    fn die(&mut self, key: ChildKey) -> Option<Incarnation> {
        let at = self.alive.iter().position(|(known, _)| *known == key)?;
        if self.stopping == Some(key) {
            self.stopping = None;
        }
        Some(self.alive.remove(at).1)
    }

    fn answer(&mut self, outcome: Outcome) {
        let Some((key, incarnation)) = self.starting.take() else { return };
        match outcome {
            Outcome::Started => {
                self.alive.push((key, incarnation));
                // Two orders of starts that lead to the same children lead to the same state.
                self.alive.sort_unstable();
                self.feed(Event::Started { key, incarnation, info: false });
            }
            Outcome::Ignored => self.feed(Event::Ignored { key, incarnation }),
            Outcome::Failed => {
                if self.oracle.boots() {
                    let child = self.policy.child(key).map(|child| child.id.clone());
                    let reason = child.map(|child| ExitReason::ChildStartFailed {
                        child,
                        reason: reason_of_failure().into(),
                    });
                    self.oracle.ends(reason.as_ref().map_or("", ExitReason::label));
                }
                self.oracle.interrupted();
                self.feed(Event::StartFailed { key, incarnation, reason: reason_of_failure() });
            }
        }
    }

    fn ask(&mut self, ask: Ask) {
        self.budget.commands -= 1;
        // The budget falls with each command, so no number comes twice.
        let ticket = Ticket(u64::from(self.budget.commands));
        let (command, target) = match ask {
            Ask::Terminate(name) => {
                (Command::TerminateChild(Target::Id(id(name))), self.policy.key_of(&id(name)))
            }
            Ask::Restart(name) => (Command::RestartChild(id(name)), None),
            Ask::Delete(name) => (Command::DeleteChild(id(name)), None),
            Ask::Start(name) => {
                let entry = ChildEntry { id: id(name), policy: ChildPolicy::worker() };
                (Command::StartChild(entry), None)
            }
        };
        self.owed.push((ticket, ask, target));
        self.feed(Event::Command { ticket, command });
    }

    fn feed(&mut self, event: Event) {
        let went_well = match &event {
            // As in OTP, a child that says `ignore` does not hold up those after it.
            Event::Started { key, .. } | Event::Ignored { key, .. } => Some(*key),
            _ => None,
        };
        self.policy.handle(self.now, event);
        // All effects of an event are taken before the next event, as the actor around the policy does.
        let effects: Vec<Effect> = std::iter::from_fn(|| self.policy.poll_effect()).collect();
        self.oracle.enter(&self.policy);
        if let Some(key) = went_well {
            let next = effects.iter().find_map(|effect| match effect {
                Effect::Start { key, .. } => Some(*key),
                _ => None,
            });
            self.oracle.started(&self.policy, key, next);
        }
        for effect in effects {
            self.take(effect);
        }
        self.settle();
    }

    fn take(&mut self, effect: Effect) {
        let quiet = self.starting.is_none() && self.stopping.is_none();
        if self.ended {
            self.oracle.demand(matches!(effect, Effect::Reply { .. }), Law::NoOrphan);
        }
        let alive: Vec<ChildKey> = self.alive.iter().map(|(key, _)| *key).collect();
        match effect {
            Effect::Start { key, incarnation, cause, .. } => {
                self.oracle.demand(quiet && !alive.contains(&key), Law::OneLife);
                let added = matches!(cause, StartCause::Added(_));
                self.oracle.demand(added || incarnation.0 > 0, Law::OneLife);
                self.oracle.start(&self.policy, key, cause, &alive);
                self.starting = Some((key, incarnation));
            }
            Effect::Stop { key, incarnation, .. } => {
                let lives = self.alive.contains(&(key, incarnation));
                self.oracle.demand(quiet && lives, Law::OneLife);
                let asked = |(_, ask, _): &(_, Ask, _)| matches!(ask, Ask::Terminate(_));
                let ordered = self.shutdown || self.owed.iter().any(asked);
                self.oracle.stop(&self.policy, key, ordered);
                self.stopping = Some(key);
            }
            Effect::RetryLater { key } => self.retries.push(key),
            Effect::ArmBackoff { key, incarnation, delay, .. } => {
                self.oracle
                    .demand(delay >= DELAY && delay <= DELAY.saturating_mul(4), Law::Intensity);
                self.oracle.interrupted();
                self.timers.push((key, incarnation));
            }
            Effect::Decision(decision) => {
                self.oracle.decided(&self.policy, self.now, &decision, &alive);
            }
            Effect::Reply { ticket, result } => {
                let at = self.owed.iter().position(|(known, _, _)| *known == ticket);
                self.oracle.demand(at.is_some(), Law::Answered);
                let Some(at) = at else { return };
                let (_, ask, target) = self.owed.remove(at);
                if let (Ask::Terminate(_), Some(key), Ok(Reply::Done)) = (ask, target, &result) {
                    self.oracle.terminated(key);
                }
                self.oracle.answered();
            }
            Effect::Exit { reason } => {
                let parent = ExitReason::shutdown_with(PARENT);
                self.oracle.exit(&reason, self.shutdown.then(|| parent.label()));
                self.oracle.demand(self.alive.is_empty() && quiet, Law::NoOrphan);
                self.ended = true;
            }
            // Only dynamic supervisors stop children together, and none is explored.
            Effect::StopMany { .. } => self.oracle.demand(false, Law::StopOrder),
            Effect::Report(_) | Effect::Booted | Effect::BootFailed { .. } => {}
            Effect::Dropped { key } => {
                self.oracle.demand(!alive.contains(&key), Law::NoOrphan);
                self.oracle.terminated(key);
            }
        }
    }

    /// Checks what must hold between two events.
    fn settle(&mut self) {
        let phase = self.policy.phase();
        if self.ended {
            self.oracle.demand(self.owed.is_empty(), Law::Answered);
            return;
        }
        if self.starting.is_none() && self.stopping.is_none() {
            self.oracle.demand(phase == Phase::Idle, Law::NeverStuck);
        }
        if phase == Phase::Idle {
            self.oracle.demand(self.owed.is_empty(), Law::Answered);
        }
        // A busy policy may keep the retry for later, so only an idle one is checked.
        let lost = phase == Phase::Idle
            && self.policy.children().any(|child| {
                let on_its_way = self.retries.contains(&child.key)
                    || self.timers.contains(&(child.key, child.incarnation));
                child.state == ChildState::Restarting && !on_its_way
            });
        self.oracle.demand(!lost, Law::NeverStuck);
        let unknown = self.alive.iter().any(|(key, life)| {
            self.policy.child(*key).is_none_or(|child| child.incarnation != *life)
        });
        self.oracle.demand(!unknown, Law::NoOrphan);
    }

    /// Says whether events of earlier incarnations and of dropped children change nothing.
    #[must_use]
    pub fn ignores_late_events(&self) -> bool {
        // All events one after the other: if none changes anything, the order does not matter.
        let mut other = self.policy.clone();
        for child in self.policy.children() {
            let older = Incarnation(child.incarnation.0.saturating_sub(1));
            let gone = ChildKey::from_raw(child.key.raw() + (1 << 32));
            for (key, incarnation) in [(child.key, older), (gone, child.incarnation)] {
                let reason = ExitReason::Killed;
                other.handle(self.now, Event::Exited { key, incarnation, reason: reason.clone() });
                other.handle(self.now, Event::Started { key, incarnation, info: false });
                other.handle(self.now, Event::StartFailed { key, incarnation, reason });
                other.handle(self.now, Event::Evacuated { key, incarnation });
            }
        }
        other.poll_effect().is_none()
            && self.fingerprint_of(&other) == self.fingerprint_of(&self.policy)
    }

    fn fingerprint_of(&self, policy: &Policy) -> u64 {
        let mut hasher = std::collections::hash_map::DefaultHasher::new();
        policy.fingerprint(self.now, &mut hasher);
        hasher.finish()
    }

    /// Returns how many incarnations ago this one was, as in the policy's own fingerprint.
    fn distance(&self, key: ChildKey, life: Incarnation) -> Option<u64> {
        self.policy.child(key).map(|child| child.incarnation.0.wrapping_sub(life.0))
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, to: &mut H) {
        // The fingerprint and not the fields of the policy: incarnations and times grow for ever, and
        // two states that differ in nothing else must be the same state, or the graph would be infinite.
        self.policy.fingerprint(self.now, to);
        let Self { policy: _, now: _, every_reason: _, budget, starting, stopping, alive, .. } =
            self;
        let Self { retries, timers, owed, shutdown, ended, oracle, .. } = self;
        (budget, starting.map(|(key, _)| key), stopping, retries, shutdown, ended).hash(to);
        alive.iter().for_each(|(key, life)| (key, self.distance(*key, *life)).hash(to));
        timers.iter().for_each(|(key, life)| (key, self.distance(*key, *life)).hash(to));
        owed.iter().for_each(|(ticket, ask, target)| {
            (ticket, std::mem::discriminant(ask), target).hash(to);
        });
        oracle.fingerprint(self.now, to);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        let of = |world: &Self| {
            let mut hasher = std::collections::hash_map::DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        of(self) == of(other)
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("phase", &self.policy.phase())
            .field("alive", &self.alive)
            .field("broken", &self.oracle.broken)
            .finish_non_exhaustive()
    }
}

fn reason(end: End) -> ExitReason {
    match end {
        End::Normal => ExitReason::Normal,
        End::Shutdown => ExitReason::Shutdown,
        End::Boom => ExitReason::failed("boom"),
        End::Killed => ExitReason::Killed,
    }
}

fn reason_of_failure() -> ExitReason {
    ExitReason::failed("init")
}
