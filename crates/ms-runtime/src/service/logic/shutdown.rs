//! The shutdown as a state machine: seven steps within one deadline.
//!
//! Each step has a moment by which it must be over. A step that is done early leaves its time to
//! the steps after it. A step that fails or is late is noted, and the next one runs all the same.
//! Components stop one by one, in reverse start order; a component that is late is forced. A second
//! order to begin does nothing; an order to hurry gives the emergency stop once.
//!
//! The driver answers [`ShutdownEffect::Step`] (but for the components') with
//! [`ShutdownEvent::StepDone`], and
//! [`ShutdownEffect::Stop`] with [`ShutdownEvent::Stopped`]; the machine goes on without an
//! answer when the time is over.

use std::time::Duration;

use ms_core::lifecycle::ComponentId;
use ms_core::time::{Tick, part};
use serde::Serialize;

/// Shortest time the seven steps can be split into.
pub const MIN_DEADLINE: Duration = Duration::from_secs(1);
/// What is kept of the time a process is granted for what comes after the seven steps: the tree,
/// the control endpoint and the threads.
pub const RESERVE: Duration = Duration::from_secs(5);

/// A step of a shutdown, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownPhase {
    /// 1: the shutdown is announced.
    Signal,
    /// 2: no new work is taken.
    StopAccepting,
    /// 3: work in flight comes to its end.
    Drain,
    /// 4: components stop, in reverse start order, and hand over their state.
    StopComponents,
    /// 5: that state is saved.
    Persist,
    /// 6: components are dropped: ports, pools and files are free.
    Release,
    /// 7: cleanup handlers run, and are verified.
    Cleanup,
}

impl ShutdownPhase {
    /// All, in order.
    pub const ALL: [Self; 7] = [
        Self::Signal,
        Self::StopAccepting,
        Self::Drain,
        Self::StopComponents,
        Self::Persist,
        Self::Release,
        Self::Cleanup,
    ];

    /// Returns the share of the whole time by which it must be over, in percent.
    // Shares, not times: a sum of fixed times could exceed the grace of the platform, which kills
    // the process in the middle of saving state. Draining gets most, since it waits for clients.
    const fn over_by_percent(self) -> u32 {
        match self {
            Self::Signal => 2,
            Self::StopAccepting => 6,
            Self::Drain => 46,
            Self::StopComponents => 76,
            Self::Persist => 86,
            Self::Release => 92,
            Self::Cleanup => 100,
        }
    }

    /// Returns its number, 1 to 7.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Returns its name, as reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::StopAccepting => "stop accepting",
            Self::Drain => "drain",
            Self::StopComponents => "stop components",
            Self::Persist => "persist",
            Self::Release => "release",
            Self::Cleanup => "cleanup",
        }
    }
}

/// Returns the moment by which a step must be over.
#[must_use]
pub fn over_by(began: Tick, deadline: Duration, phase: ShutdownPhase) -> Tick {
    began + part(deadline.saturating_mul(phase.over_by_percent()), 100)
}

/// How long a forced component may take to end before it is left behind. This comes out of its own
/// share of the time, and is a quarter of that at most.
pub const FORCE_GRACE: Duration = Duration::from_millis(500);

/// An event of a shutdown. `E` is the driver's error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownEvent<E> {
    /// Shut down.
    Begin,
    /// A step is done, with what went wrong in it.
    StepDone(ShutdownPhase, Vec<E>),
    /// A component has stopped, in order or not.
    Stopped(ComponentId, Result<(), E>),
    /// Time has passed; see [`ShutdownMachine::next_deadline`].
    Elapsed,
    /// A second signal came: do not wait any longer.
    Hurry,
}

/// An order to the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutdownEffect {
    /// Carry out a step, which must be over by then. In the step that stops components, orders for
    /// each of them follow.
    Step(ShutdownPhase, Tick),
    /// Stop a component in order, by this moment.
    Stop(ComponentId, Tick),
    /// Kill a component that is late.
    Force(ComponentId),
    /// All steps have had their turn.
    Finished,
    /// Stop at once; nothing else is ordered from here on.
    Emergency,
}

/// The way in which a component stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopOutcome<E> {
    /// In order.
    Stopped,
    /// In time, but with an error.
    Failed(E),
    /// Too late: it was killed.
    Forced,
    /// Not even when it was killed: it is left behind.
    Abandoned,
}

/// The stop of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentStop<E> {
    /// Which.
    pub id: ComponentId,
    /// How it went.
    pub outcome: StopOutcome<E>,
    /// How long it took.
    pub took: Duration,
}

/// The result of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport<E> {
    /// Which.
    pub phase: ShutdownPhase,
    /// How long it took.
    pub took: Duration,
    /// Whether its time ran out before it was done.
    pub late: bool,
    /// What went wrong in it.
    pub errors: Vec<E>,
}

/// The report of a shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownReport<E> {
    /// The steps that ran.
    pub steps: Vec<StepReport<E>>,
    /// The components, in the order of their stops.
    pub components: Vec<ComponentStop<E>>,
    /// From begin to end.
    pub total: Duration,
    /// Whether a second signal cut it short.
    pub hurried: bool,
}

impl<E> ShutdownReport<E> {
    /// Returns whether a component was killed or left behind.
    #[must_use]
    pub fn used_force(&self) -> bool {
        let by_force = |stop: &ComponentStop<E>| {
            matches!(stop.outcome, StopOutcome::Forced | StopOutcome::Abandoned)
        };
        self.components.iter().any(by_force)
    }

    /// Returns whether all steps and components went well and in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let stopped = |stop: &ComponentStop<E>| matches!(stop.outcome, StopOutcome::Stopped);
        !self.hurried
            && self.steps.iter().all(|step| !step.late && step.errors.is_empty())
            && self.components.iter().all(stopped)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Idle,
    In(ShutdownPhase),
    Over,
}

/// The component that is being stopped.
#[derive(Debug, Clone)]
struct Stopping {
    id: ComponentId,
    since: Tick,
    until: Tick,
    grace: Duration,
    forced: bool,
}

/// A shutdown to come, in progress, or over.
#[derive(Debug, Clone)]
pub struct ShutdownMachine<E> {
    deadline: Duration,
    /// Components that are still to be stopped, the next one last, each with its longest time.
    to_stop: Vec<(ComponentId, Duration)>,
    stage: Stage,
    began: Tick,
    step_began: Tick,
    stopping: Option<Stopping>,
    report: ShutdownReport<E>,
    effects: Vec<ShutdownEffect>,
}

impl<E> ShutdownMachine<E> {
    /// Returns a shutdown that has not begun. `started` lists the components in start order, each
    /// with the longest time for its stop; all have to be done within `deadline`.
    #[must_use]
    pub fn new(started: Vec<(ComponentId, Duration)>, deadline: Duration) -> Self {
        let report = ShutdownReport {
            steps: Vec::new(),
            components: Vec::new(),
            total: Duration::ZERO,
            hurried: false,
        };
        Self {
            deadline,
            to_stop: started,
            stage: Stage::Idle,
            began: Tick::ZERO,
            step_began: Tick::ZERO,
            stopping: None,
            report,
            effects: Vec::new(),
        }
    }

    /// Takes an event and returns what to do, in order.
    pub fn handle(&mut self, now: Tick, event: ShutdownEvent<E>) -> Vec<ShutdownEffect> {
        match event {
            ShutdownEvent::Begin if self.stage == Stage::Idle => {
                self.began = now;
                self.enter(now, ShutdownPhase::Signal);
            }
            ShutdownEvent::Begin => {}
            // Ignored: this step ends with the stop of the last component, and not with an answer.
            ShutdownEvent::StepDone(ShutdownPhase::StopComponents, _) => {}
            ShutdownEvent::StepDone(phase, errors) if self.stage == Stage::In(phase) => {
                self.leave(now, phase, false, errors);
            }
            ShutdownEvent::StepDone(..) => {}
            ShutdownEvent::Stopped(id, outcome) => self.stopped(now, &id, outcome),
            ShutdownEvent::Elapsed => self.elapsed(now),
            ShutdownEvent::Hurry => self.hurry(now),
        }
        std::mem::take(&mut self.effects)
    }

    /// Returns when [`ShutdownEvent::Elapsed`] is due next, if at all.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        match (&self.stage, &self.stopping) {
            (Stage::In(_), Some(stopping)) => Some(stopping.until),
            (Stage::In(phase), None) => Some(self.over_by(*phase)),
            _ => None,
        }
    }

    /// Returns whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.stage != Stage::Idle
    }

    /// Returns the report as of now.
    #[must_use]
    pub fn report(&self) -> &ShutdownReport<E> {
        &self.report
    }

    /// Returns the report by value.
    #[must_use]
    pub fn into_report(self) -> ShutdownReport<E> {
        self.report
    }

    fn over_by(&self, phase: ShutdownPhase) -> Tick {
        over_by(self.began, self.deadline, phase)
    }

    fn enter(&mut self, now: Tick, phase: ShutdownPhase) {
        self.stage = Stage::In(phase);
        self.step_began = now;
        self.effects.push(ShutdownEffect::Step(phase, self.over_by(phase)));
        if phase == ShutdownPhase::StopComponents {
            self.stop_next(now);
        }
    }

    fn leave(&mut self, now: Tick, phase: ShutdownPhase, late: bool, errors: Vec<E>) {
        let took = now.since(self.step_began);
        self.report.steps.push(StepReport { phase, took, late, errors });
        match ShutdownPhase::ALL.into_iter().find(|next| *next > phase) {
            Some(next) => self.enter(now, next),
            None => self.end(now, ShutdownEffect::Finished),
        }
    }

    fn end(&mut self, now: Tick, effect: ShutdownEffect) {
        self.stage = Stage::Over;
        self.report.total = now.since(self.began);
        self.effects.push(effect);
    }

    /// Orders the next component to stop.
    // It may use an equal share of the time that is left, so that no component uses up the time of
    // all. One that stops early leaves its share to the others.
    fn stop_next(&mut self, now: Tick) {
        let phase = ShutdownPhase::StopComponents;
        let waiting = u32::try_from(self.to_stop.len()).unwrap_or(u32::MAX);
        let Some((id, within)) = self.to_stop.pop() else {
            return self.leave(now, phase, false, Vec::new());
        };
        let share = part(self.over_by(phase).since(now), waiting);
        let grace = FORCE_GRACE.min(part(share, 4));
        let until = now + within.min(share.saturating_sub(grace));
        self.stopping = Some(Stopping { id: id.clone(), since: now, until, grace, forced: false });
        self.effects.push(ShutdownEffect::Stop(id, until));
    }

    fn stopped(&mut self, now: Tick, id: &ComponentId, outcome: Result<(), E>) {
        let Some(stopping) = self.stopping.take_if(|stopping| stopping.id == *id) else { return };
        let outcome = match (stopping.forced, outcome) {
            (true, _) => StopOutcome::Forced,
            (false, Ok(())) => StopOutcome::Stopped,
            (false, Err(error)) => StopOutcome::Failed(error),
        };
        self.note(now, stopping, outcome);
    }

    fn note(&mut self, now: Tick, stopping: Stopping, outcome: StopOutcome<E>) {
        let took = now.since(stopping.since);
        self.report.components.push(ComponentStop { id: stopping.id, outcome, took });
        self.stop_next(now);
    }

    fn elapsed(&mut self, now: Tick) {
        if self.next_deadline().is_none_or(|due| now < due) {
            return;
        }
        match (self.stopping.take(), &self.stage) {
            (Some(stopping), _) if stopping.forced => {
                self.note(now, stopping, StopOutcome::Abandoned);
            }
            (Some(stopping), _) => {
                self.effects.push(ShutdownEffect::Force(stopping.id.clone()));
                let until = now + stopping.grace;
                self.stopping = Some(Stopping { until, forced: true, ..stopping });
            }
            (None, Stage::In(phase)) => self.leave(now, *phase, true, Vec::new()),
            (None, _) => {}
        }
    }

    fn hurry(&mut self, now: Tick) {
        if self.stage == Stage::Over {
            return;
        }
        // The answer of the component that is stopping right now may come yet: nobody waits for it.
        self.stopping = None;
        self.report.hurried = true;
        self.end(now, ShutdownEffect::Emergency);
    }
}
