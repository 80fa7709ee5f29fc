//! The boot as a state machine: a plan run forward, or undone.
//!
//! Phases come one after the other. Within a phase, the components of a level start at
//! the same time, each with a deadline of its own; the next level waits for all of them.
//! The whole has a deadline too. The first failure ends the forward run: no further
//! component is launched, those under way are awaited up to their deadlines, and then
//! everything that was launched is stopped one by one in reverse order. The first error is
//! kept; errors of the way back are collected beside it.
//!
//! The driver feeds [`BootEvent`]s with the time and carries out [`BootEffect`]s. It must
//! answer each `Start` with `Started` or `Failed` (a late answer is ignored), and each
//! `Stop` and `Abort` with `Stopped`, in any case.

use std::collections::BTreeMap;
use std::time::Duration;

use ms_core::lifecycle::{ComponentId, Phase};
use ms_core::time::Tick;
use serde::Serialize;

use super::plan::BootPlan;

/// What happened, told to the machine. `E` is the driver's error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootEvent<E> {
    /// The boot begins.
    Begin,
    /// The pre-flight checks have been run.
    PreflightDone(Result<(), E>),
    /// A component has started.
    Started(ComponentId),
    /// A component did not start.
    Failed(ComponentId, E),
    /// A component has stopped, in order or not.
    Stopped(ComponentId, Option<E>),
    /// The health of the whole was looked at: not good enough, because of whom.
    Verified(Result<(), (Option<ComponentId>, E)>),
    /// The boot is called off; what is under way has this long to finish.
    Cancel {
        /// How long.
        grace: Duration,
    },
    /// Time has passed; see [`BootMachine::next_deadline`].
    Elapsed,
}

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootEffect {
    /// A phase begins. For the log; nothing is to be answered.
    Enter(Phase),
    /// Hand over the outcome of the pre-flight checks.
    Preflight,
    /// Start a component.
    Start(ComponentId),
    /// Stop a component in order.
    Stop(ComponentId),
    /// Drop a component that did not start, whatever it is doing.
    Abort(ComponentId),
    /// Begin to watch the health of what runs.
    Arm,
    /// Look at the health of the whole.
    Verify,
    /// The boot is done: take work.
    Ready,
    /// The boot failed, and all that was launched is stopped.
    RolledBack,
}

/// Why a boot failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootCause<E> {
    /// A check, a component or the verification failed.
    Failed(E),
    /// A component was not ready in its time.
    TimedOut(Duration),
    /// The whole was not ready in its time; these were being started.
    TooLong {
        /// Its time.
        within: Duration,
        /// Who was waited for: components, or nobody where the health of the whole was looked at.
        waiting: Vec<ComponentId>,
    },
    /// The boot was called off.
    Cancelled,
}

/// The first error of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFailure<E> {
    /// In which phase.
    pub phase: Phase,
    /// Which component is at fault, where one is.
    pub culprit: Option<ComponentId>,
    /// Why.
    pub cause: BootCause<E>,
    /// What went wrong on the way back, by component.
    pub rollback: Vec<(ComponentId, E)>,
}

/// How far a component has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentState {
    /// Its turn has not come.
    Waiting,
    /// It is being started.
    Starting,
    /// It runs.
    Up,
    /// It did not start.
    Failed,
    /// It is being stopped again.
    Stopping,
    /// It was stopped again.
    Stopped,
}

/// How one component fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentTiming {
    /// Which.
    pub id: ComponentId,
    /// In which phase.
    pub phase: Phase,
    /// In which level of the phase, from 1.
    pub level: usize,
    /// How far it came.
    pub state: ComponentState,
    /// How long its start took, once it was over.
    pub took: Option<Duration>,
}

/// How long one phase took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PhaseTiming {
    /// Which.
    pub phase: Phase,
    /// How long.
    pub took: Duration,
}

/// What a boot came to, with times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct BootReport {
    /// The phases that were entered.
    pub phases: Vec<PhaseTiming>,
    /// All components, in start order.
    pub components: Vec<ComponentTiming>,
    /// From begin to end.
    pub total: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Preflight,
    /// Components of this level of the present phase are under way.
    Level(usize),
    Verifying,
    /// Failed; those under way are awaited.
    Settling,
    RollingBack,
    Ready,
    RolledBack,
}

#[derive(Debug, Clone)]
struct Row {
    phase: Phase,
    level: usize,
    state: ComponentState,
    since: Tick,
    deadline: Tick,
    took: Option<Duration>,
}

/// A boot in progress.
#[derive(Debug, Clone)]
pub struct BootMachine<E> {
    plan: BootPlan,
    /// How long the way forward may take as a whole.
    within: Duration,
    stage: Stage,
    phase: Phase,
    rows: BTreeMap<ComponentId, Row>,
    /// In the order of launching.
    launched: Vec<ComponentId>,
    failure: Option<BootFailure<E>>,
    began: Tick,
    ended: Tick,
    phase_began: Tick,
    phases: Vec<PhaseTiming>,
    effects: Vec<BootEffect>,
}

impl<E> BootMachine<E> {
    /// A boot to be run; it fails when it is not done after `within`.
    #[must_use]
    pub fn new(plan: BootPlan, within: Duration) -> Self {
        let mut rows = BTreeMap::new();
        for phase in Phase::ALL {
            for (at, level) in plan.levels(phase).iter().enumerate() {
                for id in level {
                    let row = Row {
                        phase,
                        level: at + 1,
                        state: ComponentState::Waiting,
                        since: Tick::ZERO,
                        deadline: Tick::ZERO,
                        took: None,
                    };
                    rows.insert(id.clone(), row);
                }
            }
        }
        Self {
            plan,
            within,
            stage: Stage::New,
            phase: Phase::Preflight,
            rows,
            launched: Vec::new(),
            failure: None,
            began: Tick::ZERO,
            ended: Tick::ZERO,
            phase_began: Tick::ZERO,
            phases: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Takes an event; gives what is to be done, in order.
    pub fn handle(&mut self, now: Tick, event: BootEvent<E>) -> Vec<BootEffect> {
        match event {
            BootEvent::Begin if self.stage == Stage::New => {
                self.began = now;
                self.stage = Stage::Preflight;
                self.enter(now, Phase::Preflight);
                self.effects.push(BootEffect::Preflight);
            }
            BootEvent::Begin => {}
            BootEvent::PreflightDone(outcome) if self.stage == Stage::Preflight => match outcome {
                Ok(()) => self.next_phase(now),
                Err(error) => self.fail(now, None, BootCause::Failed(error)),
            },
            BootEvent::PreflightDone(_) => {}
            BootEvent::Started(id) => self.settle(now, &id, None),
            BootEvent::Failed(id, error) => {
                self.settle(now, &id, Some(BootCause::Failed(error)));
            }
            BootEvent::Stopped(id, error) => self.stopped(now, id, error),
            BootEvent::Verified(outcome) if self.stage == Stage::Verifying => match outcome {
                Ok(()) => self.ready(now),
                Err((culprit, error)) => self.fail(now, culprit, BootCause::Failed(error)),
            },
            BootEvent::Verified(_) => {}
            BootEvent::Cancel { grace } => self.cancel(now, grace),
            BootEvent::Elapsed => self.elapsed(now),
        }
        std::mem::take(&mut self.effects)
    }

    /// When [`BootEvent::Elapsed`] is due next, if at all.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        let whole = self.goes_forward().then(|| self.over_by());
        self.under_way().map(|(_, row)| row.deadline).chain(whole).min()
    }

    /// When the whole has taken too long.
    fn over_by(&self) -> Tick {
        self.began + self.within
    }

    /// Whether it has begun, and has neither failed nor come to its end.
    fn goes_forward(&self) -> bool {
        matches!(self.stage, Stage::Preflight | Stage::Level(_) | Stage::Verifying)
    }

    /// Whether it has come to an end, good or bad.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::RolledBack)
    }

    /// Whether it has come to a good end.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// The phase it is in, or failed in.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The first error, once there is one.
    #[must_use]
    pub fn failure(&self) -> Option<&BootFailure<E>> {
        self.failure.as_ref()
    }

    /// The first error, by value.
    #[must_use]
    pub fn into_failure(self) -> Option<BootFailure<E>> {
        self.failure
    }

    /// Components that run, in the order they were launched.
    pub fn running(&self) -> impl DoubleEndedIterator<Item = &ComponentId> {
        self.launched.iter().filter(|id| self.state(id) == Some(ComponentState::Up))
    }

    /// How far a component has come.
    #[must_use]
    pub fn state(&self, id: &ComponentId) -> Option<ComponentState> {
        self.rows.get(id).map(|row| row.state)
    }

    /// Times so far.
    #[must_use]
    pub fn report(&self, now: Tick) -> BootReport {
        let order = self.plan.start_order().iter();
        let components = order.filter_map(|id| {
            let row = self.rows.get(id)?;
            let Row { phase, level, state, took, .. } = row.clone();
            Some(ComponentTiming { id: id.clone(), phase, level, state, took })
        });
        let end = if self.is_over() { self.ended } else { now };
        BootReport {
            phases: self.phases.clone(),
            components: components.collect(),
            total: end.since(self.began),
        }
    }

    fn under_way(&self) -> impl Iterator<Item = (&ComponentId, &Row)> {
        self.rows.iter().filter(|(_, row)| row.state == ComponentState::Starting)
    }

    fn enter(&mut self, now: Tick, phase: Phase) {
        self.phase = phase;
        self.phase_began = now;
        self.effects.push(BootEffect::Enter(phase));
    }

    fn leave(&mut self, now: Tick) {
        let took = now.since(self.phase_began);
        self.phases.push(PhaseTiming { phase: self.phase, took });
    }

    fn next_phase(&mut self, now: Tick) {
        self.leave(now);
        let next = Phase::ALL.into_iter().find(|phase| *phase > self.phase);
        let Some(next) = next else { return };
        self.enter(now, next);
        if next == Phase::Supervision {
            self.effects.push(BootEffect::Arm);
        }
        match next {
            Phase::Verification => {
                self.stage = Stage::Verifying;
                self.effects.push(BootEffect::Verify);
            }
            _ => self.level(now, 0),
        }
    }

    /// Launches a level of the present phase, or goes on when there is none left.
    fn level(&mut self, now: Tick, at: usize) {
        let Some(level) = self.plan.levels(self.phase).get(at).cloned() else {
            return self.next_phase(now);
        };
        self.stage = Stage::Level(at);
        for id in level {
            let within =
                self.plan.component(&id).map_or(Duration::ZERO, |planned| planned.start_within);
            if let Some(row) = self.rows.get_mut(&id) {
                row.state = ComponentState::Starting;
                row.since = now;
                row.deadline = now + within;
            }
            self.launched.push(id.clone());
            self.effects.push(BootEffect::Start(id));
        }
    }

    /// A component's start is over.
    fn settle(&mut self, now: Tick, id: &ComponentId, failed: Option<BootCause<E>>) {
        let Some(row) = self.rows.get_mut(id) else { return };
        if row.state != ComponentState::Starting {
            return;
        }
        row.took = Some(now.since(row.since));
        row.state = match failed {
            None => ComponentState::Up,
            Some(_) => ComponentState::Failed,
        };
        if let Some(cause) = failed {
            return self.fail(now, Some(id.clone()), cause);
        }
        if self.under_way().next().is_some() {
            return;
        }
        match self.stage {
            Stage::Level(at) => self.level(now, at + 1),
            Stage::Settling => self.roll_back(now),
            _ => {}
        }
    }

    fn fail(&mut self, now: Tick, culprit: Option<ComponentId>, cause: BootCause<E>) {
        if self.failure.is_none() {
            let (phase, rollback) = (self.phase, Vec::new());
            self.failure = Some(BootFailure { phase, culprit, cause, rollback });
            self.leave(now);
        }
        self.stage = Stage::Settling;
        if self.under_way().next().is_none() {
            self.roll_back(now);
        }
    }

    fn cancel(&mut self, now: Tick, grace: Duration) {
        if matches!(self.stage, Stage::Ready | Stage::RolledBack | Stage::RollingBack) {
            return;
        }
        let latest = now + grace;
        for row in self.rows.values_mut().filter(|row| row.state == ComponentState::Starting) {
            row.deadline = row.deadline.min(latest);
        }
        self.fail(now, None, BootCause::Cancelled);
    }

    fn elapsed(&mut self, now: Tick) {
        if self.goes_forward() && self.over_by() <= now {
            let waiting = self.under_way().map(|(id, _)| id.clone()).collect();
            // Nobody under way is awaited: there is no time left for them.
            for row in self.rows.values_mut().filter(|row| row.state == ComponentState::Starting) {
                row.deadline = now;
            }
            self.fail(now, None, BootCause::TooLong { within: self.within, waiting });
        }
        let overdue: Vec<_> = self
            .under_way()
            .filter(|(_, row)| row.deadline <= now)
            .map(|(id, row)| (id.clone(), row.deadline.since(row.since)))
            .collect();
        for (id, within) in overdue {
            self.settle(now, &id, Some(BootCause::TimedOut(within)));
        }
    }

    /// Stops the latest that was launched and is not stopped yet.
    fn roll_back(&mut self, now: Tick) {
        self.stage = Stage::RollingBack;
        let Some(id) = self.launched.pop() else {
            self.stage = Stage::RolledBack;
            self.ended = now;
            self.effects.push(BootEffect::RolledBack);
            return;
        };
        let Some(row) = self.rows.get_mut(&id) else { return };
        let was_up = row.state == ComponentState::Up;
        row.state = ComponentState::Stopping;
        self.effects.push(if was_up { BootEffect::Stop(id) } else { BootEffect::Abort(id) });
    }

    fn stopped(&mut self, now: Tick, id: ComponentId, error: Option<E>) {
        let Some(row) = self.rows.get_mut(&id) else { return };
        if self.stage != Stage::RollingBack || row.state != ComponentState::Stopping {
            return;
        }
        row.state = ComponentState::Stopped;
        if let (Some(failure), Some(error)) = (&mut self.failure, error) {
            failure.rollback.push((id, error));
        }
        self.roll_back(now);
    }

    fn ready(&mut self, now: Tick) {
        self.leave(now);
        self.stage = Stage::Ready;
        self.ended = now;
        self.effects.push(BootEffect::Ready);
    }
}
