//! The dispatcher: takes tasks from the store to agents, and their outcomes back.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, AsyncContext, Handler, ResponseFuture, Running, SpawnHandle, WrapFuture};
use ms_actor::{AskError, Context, LogLimit, Port, StateValue};
use ms_core::task::{
    AgentKind, Assignment, Board, Claimed, Claims, FencingToken, Held, NextAsk, StoreError,
    TaskCommand, TaskId, TaskOutcome,
};
use ms_core::time::later;
use ms_core::view::Lifecycle;
use ms_core::{ActorPath, ExitReason, Tick};
use tokio::sync::watch;
use tokio::time::Instant;

use super::messages::{DispatcherSpec, Join, Member, StopWork, TouchStore, Wake};
use super::outcome::{PAUSE, blame, write};
use super::perform::{Orders, Perform, Performed};
use super::run::too_long;
use super::sweeps::Sweeps;
use super::vigil::{SignOfLife, Vigil, overdue};

/// How much longer than its attempt may take, and how long without a sign of life, an agent is
/// waited for.
const GRACE: Duration = Duration::from_secs(60);
/// The wait for an agent's answer has its end in [`overdue`], which knows of lost time.
const WITHOUT_END: Duration = Duration::from_secs(366 * 86_400);
/// Most outcomes on their way to the store; while there are more, nothing is claimed. A store that
/// takes small requests and no large ones would have results pile up in memory.
const MAX_REPORTS: usize = 4_096;
/// Several times a second for as long as the store is away: its health says it as well.
pub(super) static STORE_FAILS: LogLimit = LogLimit::new(Duration::from_secs(10));

/// Takes durable tasks to agents. Part of [`Tasks::child`](super::Tasks::child).
pub struct Dispatcher {
    pub(super) spec: DispatcherSpec,
    board: Board,
    agents: HashMap<ActorPath, Member>,
    pub(super) running: HashMap<TaskId, (FencingToken, watch::Sender<Orders>)>,
    pub(super) claims: Claims,
    alarm: Option<SpawnHandle>,
    pub(super) sweeps: Sweeps,
    /// Set when it starts.
    vigil: Option<Vigil>,
    /// Outcomes that are not written yet.
    pub(super) reports: usize,
    pub(super) ending: bool,
    /// What is in hand took too long to come back.
    pub(super) gave_up: bool,
    given: u64,
    crashes: u64,
    /// How often it has looked for something to do.
    looks: u64,
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
            sweeps: Sweeps::default(),
            vigil: None,
            reports: 0,
            ending: false,
            gave_up: false,
            given: 0,
            crashes: 0,
            looks: 0,
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
            ("looks", StateValue::from(self.looks)),
            ("sweeps", StateValue::from(self.sweeps.done)),
            ("outcomes_to_write", StateValue::from(self.reports as u64)),
            // Which kind of task goes to how many agents.
            ("routes", StateValue::map(routes)),
        ])
    }

    /// Claims what may start, unless a question is on its way, once nothing of an earlier
    /// claim is in doubt.
    pub(super) fn claim(&mut self, ctx: &mut Context<Self>) {
        if self.ending || self.reports >= MAX_REPORTS {
            return;
        }
        self.looks += 1;
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
            return self.set_alarm(None, ctx);
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
            this.end_if_settled(ctx);
            match released {
                Ok(released) => {
                    tracing::info!(released, "tasks of a claim without an answer were released");
                    this.claim(ctx);
                }
                Err(error) => {
                    this.doubt();
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
                self.doubt();
                self.end_if_settled(ctx);
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
        if some {
            // Each has a lease now, which the sweeps do not know of.
            self.sweep_soon(ctx);
        }
        for assignment in claimed.assignments {
            self.give(assignment, asked, ctx);
        }
        self.end_if_settled(ctx);
        if some || again {
            return self.claim(ctx);
        }
        self.set_alarm(claimed.next_due, ctx);
    }

    /// Gives a task to its agent and waits for what becomes of it.
    fn give(&mut self, assignment: Assignment, asked: Instant, ctx: &mut Context<Self>) {
        let (id, token) = (assignment.view.id, assignment.token);
        self.claims.given(id, token);
        let agent = assignment.view.assigned_agent.as_ref().and_then(|path| self.agents.get(path));
        let agent = agent.filter(|_| !self.ending).cloned();
        let Some(Member { kind, agent, meter }) = agent else {
            // It left meanwhile, or all are about to.
            return self.report(id, token, TaskCommand::Release(id, token), ctx);
        };
        let limit = assignment.attempt_ms.map_or(self.spec.attempt, Duration::from_millis);
        let now = ctx.node().now();
        self.board.assigned(&kind, &agent.path(), &assignment.view.queue, now);
        self.given += 1;
        let (orders, receiver) = watch::channel(Orders::GoOn);
        self.running.insert(id, (token, orders));
        let Some(vigil) = self.vigil.clone() else { return };
        self.keep_pulse(&vigil, ctx);
        let (lease, sign) = (self.spec.lease, SignOfLife::default());
        sign.give(now);
        let perform = Perform {
            assignment,
            store: Arc::clone(&self.spec.store),
            orders: receiver,
            lease,
            held_until: later(asked, lease),
            limit,
            vigil: vigil.clone(),
            sign: sign.clone(),
        };
        let port = agent.clone();
        let answer = async move {
            if let Some(meter) = meter
                && meter.try_draw().await.is_err()
            {
                return Some(Ok(Performed::NotBegun));
            }
            tokio::select! {
                answer = port.ask(perform, WITHOUT_END) => Some(answer),
                () = overdue(vigil, sign, limit, GRACE.max(lease.saturating_mul(2))) => None,
            }
        };
        ctx.spawn(answer.into_actor(self).map(move |answer, this, ctx| {
            this.ended(Attempt { id, token, kind, agent, limit }, answer, ctx);
        }));
    }

    /// `answer` is `None` for an agent that had more than its time and gave no sign of life.
    fn ended(
        &mut self,
        attempt: Attempt,
        answer: Option<Result<Performed, AskError<Perform>>>,
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
            Some(Ok(Performed::Done(Ok(result)))) => {
                Some(TaskCommand::Finish(id, token, TaskOutcome::Completed(result)))
            }
            Some(Ok(Performed::Done(Err(failure)))) => Some(failed(failure)),
            Some(Ok(Performed::HandedBack(after))) => Some(TaskCommand::HandBack(id, token, after)),
            Some(Ok(Performed::NotBegun)) => {
                self.board.unreachable(&kind, &path, now);
                self.report(id, token, TaskCommand::Release(id, token), ctx);
                return self.claim(ctx);
            }
            Some(Ok(Performed::Dropped)) => None,
            Some(Err(AskError::Exited { reason, .. })) => {
                crashed = !reason.is_clean() && reason != ExitReason::ArbiterLost;
                Some(blame(id, token, &reason))
            }
            None | Some(Err(AskError::TimedOut { .. })) => {
                // It does not even come to its awaits: what else it has in hand is lost with it.
                agent.any().kill();
                crashed = true;
                Some(failed(too_long(limit)))
            }
            Some(Err(AskError::NoReply { .. })) => {
                Some(TaskCommand::Interrupt(id, token, "the agent dropped the task".to_owned()))
            }
            Some(Err(AskError::NotSent(_) | AskError::Deadlock { .. })) => {
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
            None => {
                self.claims.settled(id, token);
                self.end_if_settled(ctx);
            }
        }
        self.claim(ctx);
    }

    /// Has the outcome of an assignment written; tried again for as long as the store may take it
    /// later. Its lease is kept meanwhile (see [`Self::sweep`]).
    fn report(
        &mut self,
        id: TaskId,
        token: FencingToken,
        command: TaskCommand,
        ctx: &mut Context<Self>,
    ) {
        let waits_again = !matches!(command, TaskCommand::Finish(_, _, TaskOutcome::Completed(_)));
        let (store, vigil) = (Arc::clone(&self.spec.store), self.vigil.clone());
        self.reports += 1;
        self.sweep_soon(ctx);
        let write = write(store, command, move || vigil.iter().for_each(Vigil::doubt));
        ctx.spawn(write.into_actor(self).map(move |(), this, ctx| {
            let was_full = this.reports >= MAX_REPORTS;
            this.reports = this.reports.saturating_sub(1);
            this.claims.settled(id, token);
            if waits_again || was_full {
                this.claim(ctx);
            }
            this.end_if_settled(ctx);
        }));
    }

    /// Looks again when a limit gives way by time alone, or after `at_most`.
    fn set_alarm(&mut self, at_most: Option<Duration>, ctx: &mut Context<Self>) {
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        let now = ctx.node().now();
        let limit = self.board.alarm().map(|at: Tick| at.since(now));
        self.alarm = at_most.into_iter().chain(limit).min().map(|after| {
            // A task that is due in a moment is not asked for in a moment's thousandths.
            ctx.run_later(after.max(Duration::from_millis(1)), |this, ctx| {
                this.alarm = None;
                this.claim(ctx);
            })
        });
    }

    /// A word to the store was not carried out.
    pub(super) fn doubt(&self) {
        self.vigil.iter().for_each(Vigil::doubt);
    }

    pub(super) fn vigil(&self) -> Option<&Vigil> {
        self.vigil.as_ref()
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
        self.vigil = Some(Vigil::new(ctx.node().clone(), self.spec.lease));
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

    /// What is in hand is handed back, and what became of it written.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        if !self.ending {
            self.end(ctx);
        }
        match self.is_settled() {
            true => Running::Stop,
            false => Running::Continue,
        }
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
        // What came may have a deadline, and nobody may be free to take it.
        self.sweep_soon(ctx);
        self.claim(ctx);
    }
}

impl Handler<StopWork> for Dispatcher {
    type Result = ();

    fn handle(&mut self, StopWork(id): StopWork, _: &mut Self::Context) {
        if let Some((_, orders)) = self.running.get(&id) {
            orders.send_replace(Orders::Drop);
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
