//! The dispatcher: takes tasks from the store to agents, and their outcomes back.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, AsyncContext, Handler, Message, ResponseFuture, SpawnHandle, WrapFuture};
use ms_actor::{AskError, Context, LogLimit, Port, StateValue};
use ms_core::task::{
    AgentKind, Assignment, Board, Claimed, Claims, FencingToken, Held, NextAsk, QueueSpec,
    StoreError, TaskCommand, TaskId, TaskOutcome, TaskStore,
};
use ms_core::time::later;
use ms_core::view::Lifecycle;
use ms_core::{ActorPath, ExitReason, Intensity};
use tokio::sync::watch;
use tokio::time::Instant;

use super::outcome::{PAUSE, blame, write};
use super::perform::{Perform, Performed};
use super::run::too_long;
use super::system::SWEEP_EVERY;
use crate::budgets::Meter;

/// How much longer than its attempt may take an agent is waited for.
const GRACE: Duration = Duration::from_secs(60);

/// Several times a second for as long as the store is away: its health says it as well.
static STORE_FAILS: LogLimit = LogLimit::new(Duration::from_secs(10));

/// What a dispatcher is made of; the same at every start.
#[derive(Debug, Clone)]
pub(crate) struct DispatcherSpec {
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) queues: Vec<QueueSpec>,
    pub(crate) pools: Vec<(AgentKind, Intensity)>,
    pub(crate) lease: Duration,
    pub(crate) attempt: Duration,
}

/// An agent that takes tasks is there.
pub(crate) struct Join {
    pub(crate) kind: AgentKind,
    pub(crate) agent: Port<Perform>,
    /// Its budgets, if it has any.
    pub(crate) meter: Option<Meter>,
}

impl Message for Join {
    type Result = ();
}

/// An agent as the dispatcher knows it.
#[derive(Clone)]
struct Member {
    kind: AgentKind,
    agent: Port<Perform>,
    meter: Option<Meter>,
}

/// There may be something to do.
pub(crate) struct Wake;

impl Message for Wake {
    type Result = ();
}

/// A task was cancelled: whoever works on it may stop.
pub(crate) struct StopWork(pub(crate) TaskId);

impl Message for StopWork {
    type Result = ();
}

/// Say whether the store answers you.
pub(crate) struct TouchStore;

impl Message for TouchStore {
    type Result = Result<(), StoreError>;
}

/// Takes durable tasks to agents. Part of [`Tasks::child`](super::Tasks::child).
pub struct Dispatcher {
    spec: DispatcherSpec,
    board: Board,
    agents: HashMap<ActorPath, Member>,
    running: HashMap<TaskId, (FencingToken, watch::Sender<bool>)>,
    claims: Claims,
    alarm: Option<SpawnHandle>,
    given: u64,
    crashes: u64,
}

impl Dispatcher {
    pub(crate) fn new(spec: DispatcherSpec) -> Self {
        Self {
            board: Board::new(ms_core::Tick::ZERO),
            spec,
            agents: HashMap::new(),
            running: HashMap::new(),
            claims: Claims::default(),
            alarm: None,
            given: 0,
            crashes: 0,
        }
    }

    pub(crate) fn view(&self) -> StateValue {
        let (agents, busy) = self.board.agents();
        let mut routes = BTreeMap::<_, u64>::new();
        for member in self.agents.values() {
            *routes.entry(member.kind.to_string()).or_default() += 1;
        }
        let routes = routes.into_iter().map(|(kind, agents)| (kind, StateValue::from(agents)));
        StateValue::map([
            ("agents", StateValue::from(agents as u64)),
            ("busy", StateValue::from(busy as u64)),
            ("given", StateValue::from(self.given)),
            ("crashes", StateValue::from(self.crashes)),
            // Which kind of task goes to how many agents.
            ("routes", StateValue::map(routes)),
        ])
    }

    /// Claims what may start, unless a question is on its way, once nothing of an earlier
    /// claim is in doubt.
    fn claim(&mut self, ctx: &mut Context<Self>) {
        match self.claims.next_ask() {
            NextAsk::Wait => return,
            NextAsk::Release(but) => return self.release(but, ctx),
            NextAsk::Claim => {}
        }
        let now = ctx.node().now();
        // What an agent that is starting or suspended is given would only wait, and its lease with it.
        for (path, member) in &self.agents {
            if member.agent.any().lifecycle() != Lifecycle::Running {
                self.board.rest(&member.kind, path, now);
            }
        }
        let Some(wish) = self.board.wish(now, self.spec.lease) else {
            return self.set_alarm(self.board.wait(now), ctx);
        };
        self.claims.asked();
        let asked = Instant::now();
        let claim = self.spec.store.claim(wish);
        ctx.spawn(claim.into_actor(self).map(move |claimed, this, ctx| {
            this.claimed(claimed, asked, ctx);
        }));
    }

    /// Has the store release what it holds for an agent that was never told.
    fn release(&mut self, but: Held, ctx: &mut Context<Self>) {
        self.claims.asked();
        let release = self.spec.store.release_but(but);
        ctx.spawn(release.into_actor(self).map(|released, this, ctx| {
            this.claims.release_answered(released.is_ok());
            match released {
                Ok(released) => {
                    tracing::info!(released, "tasks of a claim without an answer were released");
                    this.claim(ctx);
                }
                Err(error) => {
                    if let Some(left_out) = STORE_FAILS.admit() {
                        let what = "tasks of a claim without an answer wait for the store";
                        tracing::warn!(%error, left_out, "{what}");
                    }
                    this.set_alarm(Some(PAUSE), ctx);
                }
            }
        }));
    }

    fn claimed(
        &mut self,
        claimed: Result<Claimed, StoreError>,
        asked: Instant,
        ctx: &mut Context<Self>,
    ) {
        let lost = matches!(claimed, Err(StoreError::Unknown(_)));
        let again = self.claims.claim_answered(lost);
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => {
                if let Some(left_out) = STORE_FAILS.admit() {
                    tracing::warn!(%error, left_out, "no tasks could be claimed");
                }
                if lost {
                    return self.claim(ctx);
                }
                return self.set_alarm(Some(PAUSE), ctx);
            }
        };
        let some = !claimed.assignments.is_empty();
        for assignment in claimed.assignments {
            self.give(assignment, asked, ctx);
        }
        if some || again {
            return self.claim(ctx);
        }
        let now = ctx.node().now();
        let waits = claimed.next_due.into_iter().chain(self.board.wait(now));
        self.set_alarm(waits.min(), ctx);
    }

    /// Gives a task to its agent and waits for what becomes of it.
    fn give(&mut self, assignment: Assignment, asked: Instant, ctx: &mut Context<Self>) {
        let (id, token) = (assignment.view.id, assignment.token);
        self.claims.given(id, token);
        let agent = assignment.view.assigned_agent.as_ref().and_then(|path| self.agents.get(path));
        let Some(Member { kind, agent, meter }) = agent.cloned() else {
            // It left meanwhile.
            return self.report(id, token, TaskCommand::Release(id, token), ctx);
        };
        let limit = assignment.attempt_ms.map_or(self.spec.attempt, Duration::from_millis);
        let now = ctx.node().now();
        self.board.assigned(&kind, &agent.path(), &assignment.view.queue, now);
        self.given += 1;
        let (cancel, cancelled) = watch::channel(false);
        self.running.insert(id, (token, cancel));
        let lease = self.spec.lease;
        let store = Arc::clone(&self.spec.store);
        let held_until = later(asked, lease);
        let perform = Perform { assignment, store, cancelled, lease, held_until, limit };
        let within = limit.saturating_add(GRACE);
        let port = agent.clone();
        let answer = async move {
            if let Some(meter) = meter
                && meter.try_draw().await.is_err()
            {
                return Ok(Performed::NotBegun);
            }
            port.ask(perform, within).await
        };
        ctx.spawn(answer.into_actor(self).map(move |answer, this, ctx| {
            this.ended(Attempt { id, token, kind, agent, limit }, answer, ctx);
        }));
    }

    fn ended(
        &mut self,
        attempt: Attempt,
        answer: Result<Performed, AskError<Perform>>,
        ctx: &mut Context<Self>,
    ) {
        let Attempt { id, token, kind, agent, limit } = attempt;
        if self.running.get(&id).is_some_and(|(present, _)| *present == token) {
            self.running.remove(&id);
        }
        let (path, now) = (agent.path(), ctx.node().now());
        let failed = |failure| TaskCommand::Finish(id, token, TaskOutcome::Failed(failure));
        let mut crashed = false;
        let command = match answer {
            Ok(Performed::Done(Ok(result))) => {
                Some(TaskCommand::Finish(id, token, TaskOutcome::Completed(result)))
            }
            Ok(Performed::Done(Err(failure))) => Some(failed(failure)),
            Ok(Performed::NotBegun) => {
                self.board.unreachable(&kind, &path, now);
                self.report(id, token, TaskCommand::Release(id, token), ctx);
                return self.claim(ctx);
            }
            Ok(Performed::Dropped) => None,
            Err(AskError::Exited { reason, .. }) => {
                crashed = !reason.is_clean() && reason != ExitReason::ArbiterLost;
                Some(blame(id, token, &reason))
            }
            Err(AskError::TimedOut { .. }) => {
                // It does not even come to its awaits: what else it has in hand is lost with it.
                agent.any().kill();
                crashed = true;
                Some(failed(too_long(limit)))
            }
            Err(AskError::NoReply { .. }) => {
                Some(TaskCommand::Interrupt(id, token, "the agent dropped the task".to_owned()))
            }
            Err(AskError::NotSent(_) | AskError::Deadlock { .. }) => {
                self.board.unreachable(&kind, &path, now);
                if agent.any().is_closed() {
                    self.board.leave(&kind, &path);
                    self.agents.remove(&path);
                }
                self.report(id, token, TaskCommand::Release(id, token), ctx);
                return self.claim(ctx);
            }
        };
        self.crashes += u64::from(crashed);
        self.board.finished(&kind, &path, crashed, now);
        match command {
            Some(command) => self.report(id, token, command, ctx),
            None => self.claims.settled(id, token),
        }
        self.claim(ctx);
    }

    /// Has the outcome of an assignment written; tried again for as long as the lease may last.
    fn report(
        &mut self,
        id: TaskId,
        token: FencingToken,
        command: TaskCommand,
        ctx: &mut Context<Self>,
    ) {
        let waits_again = !matches!(command, TaskCommand::Finish(_, _, TaskOutcome::Completed(_)));
        let (store, until) = (Arc::clone(&self.spec.store), later(Instant::now(), self.spec.lease));
        ctx.spawn(write(store, command, until).into_actor(self).map(move |(), this, ctx| {
            this.claims.settled(id, token);
            if waits_again {
                this.claim(ctx);
            }
        }));
    }

    fn set_alarm(&mut self, after: Option<Duration>, ctx: &mut Context<Self>) {
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        self.alarm = after.map(|after| {
            // A task that is due in a moment is not asked for in a moment's thousandths.
            ctx.run_later(after.max(Duration::from_millis(1)), |this, ctx| {
                this.alarm = None;
                this.claim(ctx);
            })
        });
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        let sweep = self.spec.store.sweep();
        ctx.spawn(sweep.into_actor(self).map(|swept, this, ctx| {
            if let Err(error) = swept {
                if let Some(left_out) = STORE_FAILS.admit() {
                    tracing::warn!(%error, left_out, "overdue tasks could not be swept");
                }
            }
            // In any case: a wake may have been lost, or the first in line were not to be had.
            this.claim(ctx);
            ctx.run_later(SWEEP_EVERY, Self::sweep);
        }));
    }
}

/// One task in one agent's hands.
struct Attempt {
    id: TaskId,
    token: FencingToken,
    kind: AgentKind,
    agent: Port<Perform>,
    limit: Duration,
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.board = Board::new(ctx.node().now());
        self.spec.queues.iter().for_each(|queue| self.board.declare_queue(queue.clone()));
        for (kind, intensity) in &self.spec.pools {
            self.board.declare_pool(kind.clone(), *intensity);
        }
        // Whoever had a task had it of an earlier dispatcher, perhaps of an earlier process.
        let why = "the dispatcher or the process it ran in ended".to_owned();
        let take_back = self.spec.store.take_back(why);
        ctx.wait(take_back.into_actor(self).map(|taken, this, ctx| match taken {
            Ok(taken) => {
                if taken > 0 {
                    tracing::info!(taken, "tasks of an earlier life were taken back");
                }
                this.sweep(ctx);
                this.claim(ctx);
            }
            Err(error) => ctx.fail(error),
        }));
    }
}

impl Handler<Join> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Join { kind, agent, meter }: Join, ctx: &mut Self::Context) {
        self.board.join(&kind, agent.path());
        self.agents.insert(agent.path(), Member { kind, agent, meter });
        self.claim(ctx);
    }
}

impl Handler<Wake> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Wake: Wake, ctx: &mut Self::Context) {
        self.claim(ctx);
    }
}

impl Handler<StopWork> for Dispatcher {
    type Result = ();

    fn handle(&mut self, StopWork(id): StopWork, _: &mut Self::Context) {
        if let Some((_, cancel)) = self.running.get(&id) {
            cancel.send_replace(true);
        }
    }
}

impl Handler<TouchStore> for Dispatcher {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, TouchStore: TouchStore, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.spec.store.touch())
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("running", &self.running.len()).finish_non_exhaustive()
    }
}
