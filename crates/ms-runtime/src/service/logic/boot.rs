//! The boot as a state machine: it runs a plan, or rolls it back.
//!
//! Phases run one after the other. Within a phase, the components of a level start at the same
//! time, each with a deadline of its own; the next level waits for all of them. The boot as a whole
//! has a deadline too. The first failure ends the way forward: no further component is launched,
//! the starts under way are awaited up to their deadlines, and then everything that was launched is
//! stopped, one by one, in reverse order. The first error is kept; errors of the rollback are
//! collected beside it.
//!
//! The driver feeds [`BootEvent`]s with the time and carries out [`BootEffect`]s. It must answer
//! each `Start` with `Started` or `Failed` (a late answer is ignored), and each `Stop` and `Abort`
//! with `Stopped`, whatever happened.

use std::collections::BTreeMap;
use std::time::Duration;

use ms_core::lifecycle::{ComponentId, Phase};
use ms_core::time::Tick;
use serde::Serialize;

use super::plan::BootPlan;

/// An event of a boot. `E` is the driver's error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootEvent<E> {
    /// The boot begins.
    Begin,
    /// The pre-flight checks have run.
    PreflightDone(Result<(), E>),
    /// A component has started.
    Started(ComponentId),
    /// A component did not start.
    Failed(ComponentId, E),
    /// A component has stopped, in order or not.
    Stopped(ComponentId, Option<E>),
    /// The health of the service was checked. An error names the component at fault, if there is
    /// one.
    Verified(Result<(), (Option<ComponentId>, E)>),
    /// The boot is cancelled.
    Cancel {
        /// The time that starts under way have to finish.
        grace: Duration,
    },
    /// Time has passed; see [`BootMachine::next_deadline`].
    Elapsed,
}

/// An order to the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootEffect {
    /// Log that a phase begins. There is no answer to it.
    Enter(Phase),
    /// Report the result of the pre-flight checks.
    Preflight,
    /// Start a component.
    Start(ComponentId),
    /// Stop a component in order.
    Stop(ComponentId),
    /// Drop a component that did not start, whatever it is doing.
    Abort(ComponentId),
    /// Begin to check the health of components.
    Arm,
    /// Check the health of the service.
    Verify,
    /// The boot is done: let work in.
    Ready,
    /// The boot failed, and all that was launched is stopped.
    RolledBack,
}

/// Why a boot failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootCause<E> {
    /// A pre-flight check, a component or the final health check failed.
    Failed(E),
    /// A component was not ready in time.
    TimedOut(Duration),
    /// The boot as a whole was not done in time.
    TooLong {
        /// Its time.
        within: Duration,
        /// The components that were being started; none during the final health check.
        waiting: Vec<ComponentId>,
    },
    /// The boot was cancelled.
    Cancelled,
}

/// The first error of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFailure<E> {
    /// The phase that failed.
    pub phase: Phase,
    /// The component at fault, if there is one.
    pub culprit: Option<ComponentId>,
    /// Why.
    pub cause: BootCause<E>,
    /// The errors of the rollback, by component.
    pub rollback: Vec<(ComponentId, E)>,
}

/// The state of a component in a boot.
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

/// The result of one component, with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentTiming {
    /// Which.
    pub id: ComponentId,
    /// The phase in which it starts.
    pub phase: Phase,
    /// The level within the phase, from 1.
    pub level: usize,
    /// The state that it reached.
    pub state: ComponentState,
    /// How long its start took, once that was over.
    pub took: Option<Duration>,
}

/// The time of one phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PhaseTiming {
    /// Which.
    pub phase: Phase,
    /// How long.
    pub took: Duration,
}

/// The report of a boot, with times.
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
    /// Components of this level of the current phase are starting.
    Level(usize),
    Verifying,
    /// It has failed; the starts under way are awaited.
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
    /// The time for the whole way forward; the rollback does not count.
    within: Duration,
    stage: Stage,
    phase: Phase,
    rows: BTreeMap<ComponentId, Row>,
    /// Components in the order of their launch. Rolling back empties it from the end.
    launched: Vec<ComponentId>,
    failure: Option<BootFailure<E>>,
    began: Tick,
    ended: Tick,
    phase_began: Tick,
    phases: Vec<PhaseTiming>,
    effects: Vec<BootEffect>,
}

impl<E> BootMachine<E> {
    /// Returns a boot that has not begun. It fails if it is not done `within` this time.
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

    /// Takes an event and returns what to do, in order.
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

    /// Returns when [`BootEvent::Elapsed`] is due next, if at all.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        let whole = self.goes_forward().then(|| self.over_by());
        self.under_way().map(|(_, row)| row.deadline).chain(whole).min()
    }

    /// Returns when the boot as a whole has taken too long.
    fn over_by(&self) -> Tick {
        self.began + self.within
    }

    /// Returns whether it has begun, and has neither failed nor ended.
    fn goes_forward(&self) -> bool {
        matches!(self.stage, Stage::Preflight | Stage::Level(_) | Stage::Verifying)
    }

    /// Returns whether it has ended, well or not.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::RolledBack)
    }

    /// Returns whether it has ended well.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// Returns the phase that it is in, or in which it failed.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the first error, if there is one.
    #[must_use]
    pub fn failure(&self) -> Option<&BootFailure<E>> {
        self.failure.as_ref()
    }

    /// Returns the first error by value, if there is one.
    #[must_use]
    pub fn into_failure(self) -> Option<BootFailure<E>> {
        self.failure
    }

    /// Returns the components that run, in the order of their launch.
    pub fn running(&self) -> impl DoubleEndedIterator<Item = &ComponentId> {
        self.launched.iter().filter(|id| self.state(id) == Some(ComponentState::Up))
    }

    /// Returns the state of a component.
    #[must_use]
    pub fn state(&self, id: &ComponentId) -> Option<ComponentState> {
        self.rows.get(id).map(|row| row.state)
    }

    /// Returns the report as of now.
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
        // Health checks begin with this phase and not at the end: the components of earlier phases
        // run by now, and one that fails while later ones start is to be noticed.
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

    /// Launches a level of the current phase, or enters the next phase if there is none left.
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

    /// Takes the end of a component's start.
    fn settle(&mut self, now: Tick, id: &ComponentId, failed: Option<BootCause<E>>) {
        let Some(row) = self.rows.get_mut(id) else { return };
        // A late answer of one that was given up is ignored: it is being rolled back.
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
        // The others of the level are not aborted at once: a start that is cut in the middle leaves
        // more behind than one that is awaited and then stopped in order.
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
            // No start under way is awaited any more: the time of the whole boot is used up.
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

    /// Stops the component that was launched last and is not stopped yet.
    fn roll_back(&mut self, now: Tick) {
        self.stage = Stage::RollingBack;
        let Some(id) = self.launched.pop() else {
            self.stage = Stage::RolledBack;
            self.ended = now;
            self.effects.push(BootEffect::RolledBack);
            return;
        };
        let Some(row) = self.rows.get_mut(&id) else { return };
        // Only what is up can stop in order. The rest may be in the middle of its init, with nobody
        // to take an order.
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
        // The rollback goes on after an error: what is left running would hold ports and files.
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
