//! The supervisor actor: feeds the policy and carries out its effects.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, AsyncContext, Handler, ResponseActFuture, Running, WrapFuture};
use ms_actor::host::{ChildEvent, ChildNews, ChildSink, Parent};
use ms_actor::{AnyRef, Context, Node, Ref, StateValue, WeakRef};
use ms_core::policy::{
    ChildKey, ChildState, Command, CommandError, Effect, Event, Policy, Reply, SpecError,
    StartCause, SupervisorReport, Target, Ticket,
};
use ms_core::{ActorPath, ChildId, ExitReason, IdError, Incarnation, Shutdown, Strategy};
use tokio::sync::oneshot;

use crate::bank::Bank;
use crate::error::SupervisorError;
use crate::handle::StartedChild;
use crate::kids::{Care, Kid, Kids, Making};
use crate::messages::{
    ChildInfo, CountChildren, DeleteChild, FindChild, GetChildSpec, News, RestartChild, StartChild,
    StartDynamic, Suspend, TerminateChild, TryAgain, Which, WhichChildren,
};
use crate::observe::{Observation, log_report};
use crate::spec::{ChildSpec, DynamicChild, Make, Supervisor};
use crate::timers::{Due, Timers};
use crate::why::WhyLog;

/// How long a killed child's thread may take to let go of it before it is given up.
const KILL_GRACE: Duration = Duration::from_secs(2);

pub(crate) type Ctx = Context<SupervisorActor>;

/// The actor behind a [`Supervisor`]. Talk to it through [`crate::SupervisorRef`].
pub struct SupervisorActor {
    pub(crate) me: WeakRef<Self>,
    pub(crate) path: ActorPath,
    pub(crate) incarnation: Incarnation,
    pub(crate) node: Option<Node>,
    pub(crate) policy: Policy,
    pub(crate) kids: Kids,
    pub(crate) why: WhyLog,
    supervisor: Supervisor,
    bank: Bank,
    tickets: u64,
    waiting: HashMap<Ticket, oneshot::Sender<Result<Reply, CommandError>>>,
    arriving: HashMap<Ticket, (ChildId, Making)>,
    unnamed: u64,
    pub(crate) timers: Timers,
    sink: Option<Arc<dyn ChildSink>>,
    template_care: Option<Arc<Care>>,
    pub(crate) suspended: bool,
    finished: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Id(#[from] IdError),
}

impl SupervisorActor {
    pub(crate) fn new(supervisor: &Supervisor, bank: Bank, me: &Ref<Self>) -> Result<Self, BuildError> {
        let mut supervisor = supervisor.clone();
        let entries = supervisor.children.iter().map(ChildSpec::entry).collect::<Result<_, _>>()?;
        let policy = Policy::new(supervisor.flags, entries)?;
        for child in &mut supervisor.children {
            if let Make::Supervisor(below) = &mut child.make {
                below.observer = below.observer.take().or_else(|| supervisor.observer.clone());
                below.lasting_refs &= supervisor.lasting_refs;
            }
        }
        Ok(Self {
            me: me.downgrade(),
            path: me.path().clone(),
            incarnation: Incarnation::NONE,
            node: None,
            policy,
            kids: Kids::default(),
            why: WhyLog::default(),
            supervisor,
            bank,
            tickets: 0,
            waiting: HashMap::new(),
            arriving: HashMap::new(),
            unnamed: 0,
            timers: Timers::default(),
            sink: None,
            template_care: None,
            suspended: false,
            finished: false,
        })
    }

    pub(crate) fn is_dynamic(&self) -> bool {
        self.policy.flags().strategy == Strategy::SimpleOneForOne
    }

    pub(crate) fn state_view(&self) -> StateValue {
        let counts = self.policy.counts();
        StateValue::map([
            ("strategy", StateValue::from(format!("{:?}", self.policy.flags().strategy))),
            ("phase", StateValue::from(format!("{:?}", self.policy.phase()))),
            ("specs", counts.specs.into()),
            ("active", counts.active.into()),
            ("restarts_in_window", self.restarts_in_window().into()),
            ("suspended", self.suspended.into()),
        ])
    }

    pub(crate) fn restarts_in_window(&self) -> u64 {
        self.node.as_ref().map_or(0, |node| self.policy.restarts_in_window(node.now()).0)
    }

    // ---- the policy ------------------------------------------------------------

    pub(crate) fn feed(&mut self, ctx: &mut Ctx, event: Event) {
        self.policy.handle(ctx.node().now(), event);
        while let Some(effect) = self.policy.poll_effect() {
            self.carry_out(ctx, effect);
        }
    }

    fn carry_out(&mut self, ctx: &mut Ctx, effect: Effect) {
        match effect {
            Effect::Start { key, incarnation, cause, .. } => self.start(ctx, key, incarnation, cause),
            Effect::Stop { key, how, .. } => self.stop(ctx, key, how),
            Effect::StopMany { how, .. } => self.stop_many(ctx, how),
            Effect::RetryLater { key } => self.retry_later(key),
            Effect::ArmBackoff { key, incarnation, delay, .. } => {
                if let Some(cell) = self.kids.get(key).and_then(|kid| kid.cell.as_ref()) {
                    cell.mark_restarting();
                }
                self.after(ctx, delay, Due::Backoff { key, incarnation });
            }
            Effect::Report(report) => self.report(*report),
            Effect::Decision(decision) => self.record(*decision),
            Effect::Reply { ticket, result } => self.reply(ticket, result),
            Effect::Booted => ctx.init_done(),
            Effect::BootFailed { .. } => {}
            Effect::Dropped { key } => self.forget(key),
            Effect::Exit { reason } => self.exit(ctx, reason),
        }
    }

    fn start(&mut self, ctx: &mut Ctx, key: ChildKey, attempt: Incarnation, cause: StartCause) {
        if let StartCause::Added(ticket) = cause {
            self.add_kid(key, ticket);
        }
        if attempt > Incarnation(1) && cause == StartCause::Restart {
            self.count_restart(key);
        }
        let Some(cell) = self.cell_of(key) else { return };
        let Some(kid) = self.kids.get_mut(key) else { return };
        kid.attempt = attempt;
        kid.acknowledged = false;
        let (placement, timeout) = (kid.care.placement, kid.care.start_timeout);
        let path = kid.path.clone();
        self.observe(&Observation::Starting { path });
        if cell.is_alive() {
            // Left behind by a supervisor that was killed: its successor takes its place.
            cell.fence(cell.incarnation(), ExitReason::Killed);
        }
        let life = cell.launch(placement);
        if let Some(kid) = self.kids.get_mut(key) {
            kid.life = life;
        }
        if let Some(after) = timeout {
            self.set_timer(ctx, key, after, Due::StartOverdue { key, attempt, after });
        }
    }

    fn count_restart(&mut self, key: ChildKey) {
        if let Some(cell) = self.kids.get(key).and_then(|kid| kid.cell.as_ref()) {
            cell.count_restart();
        }
    }

    /// The child's cell, made at its first start.
    fn cell_of(&mut self, key: ChildKey) -> Option<AnyRef> {
        let sink = self.sink.clone()?;
        let parent = Parent { sink, key: key.raw() };
        let dynamic = self.is_dynamic();
        let kid = self.kids.get_mut(key)?;
        if let Some(cell) = &kid.cell {
            return Some(cell.clone());
        }
        let name = ChildId::new(kid.path.name()).ok()?;
        let lasting = self.supervisor.lasting_refs && !dynamic;
        let kept = if lasting { self.bank.get(&name) } else { None };
        let cell = match kept {
            Some(cell) => {
                cell.adopt(parent);
                cell
            }
            None => {
                let blueprint = kid.blueprint.as_ref()?;
                let cell = blueprint.cell(self.node.as_ref()?, kid.path.clone(), Some(parent));
                if lasting {
                    self.bank.keep(name, cell.clone(), kid.below.clone());
                }
                cell
            }
        };
        kid.blueprint = None;
        kid.cell = Some(cell.clone());
        Some(cell)
    }

    fn add_kid(&mut self, key: ChildKey, ticket: Ticket) {
        if let Some((name, making)) = self.arriving.remove(&ticket) {
            self.insert_kid(key, name, making);
        }
    }

    fn insert_kid(&mut self, key: ChildKey, name: ChildId, making: Making) {
        let kid = Kid {
            key,
            path: self.path.child(&name),
            cell: None,
            blueprint: Some(Box::new(making.blueprint)),
            below: making.below,
            care: making.care,
            attempt: Incarnation::NONE,
            life: Incarnation::NONE,
            acknowledged: false,
            timer: None,
            rare: None,
        };
        self.kids.insert(name, kid);
    }

    /// A deadline has passed.
    pub(crate) fn overdue(&mut self, ctx: &mut Ctx, due: Due) {
        match due {
            Due::StartOverdue { key, attempt, after } => {
                let overdue = |kid: &&mut Kid| kid.attempt == attempt && !kid.acknowledged && kid.is_alive();
                if let Some(kid) = self.kids.get_mut(key).filter(overdue) {
                    kid.rare().overdue = Some(ExitReason::InitTimeout { after });
                    self.kill(ctx, key);
                }
            }
            Due::StopOverdue { key, life } => {
                if self.kids.get(key).is_some_and(|kid| kid.life == life && kid.is_alive()) {
                    self.kill(ctx, key);
                }
            }
            Due::StopManyOverdue => {
                let rest: Vec<ChildKey> = self.policy.stopping().map(|(key, _)| key).collect();
                rest.into_iter().for_each(|key| self.kill(ctx, key));
            }
            Due::Fence { cell, life } => drop(cell.fence(life, ExitReason::Killed)),
            Due::Backoff { key, incarnation } => {
                self.feed(ctx, Event::BackoffElapsed { key, incarnation });
            }
        }
    }

    /// Kills the child; if its thread does not let go of it, gives both up.
    pub(crate) fn kill(&mut self, ctx: &mut Ctx, key: ChildKey) {
        let Some(kid) = self.kids.get(key) else { return };
        let (Some(cell), life) = (kid.cell.clone(), kid.life) else { return };
        cell.kill();
        self.set_timer(ctx, key, KILL_GRACE, Due::Fence { cell, life });
    }

    /// Sets the one deadline a child has; an earlier one is cancelled.
    fn set_timer(&mut self, ctx: &mut Ctx, key: ChildKey, delay: Duration, due: Due) {
        self.clear_timer(key);
        let timer = self.after(ctx, delay, due);
        if let Some(kid) = self.kids.get_mut(key) {
            kid.timer = Some(timer);
        }
    }

    fn clear_timer(&mut self, key: ChildKey) {
        if let Some(timer) = self.kids.get_mut(key).and_then(|kid| kid.timer.take()) {
            self.cancel(timer);
        }
    }

    fn stop(&mut self, ctx: &mut Ctx, key: ChildKey, how: Shutdown) {
        let Some(kid) = self.kids.get(key) else { return };
        let (Some(cell), life) = (kid.cell.clone(), kid.life) else { return };
        match how {
            Shutdown::BrutalKill => self.kill(ctx, key),
            Shutdown::Infinity => cell.stop(ExitReason::Shutdown),
            Shutdown::Timeout(limit) => {
                cell.stop(ExitReason::Shutdown);
                self.set_timer(ctx, key, limit, Due::StopOverdue { key, life });
            }
        }
    }

    /// All at once, with one common timer (F6).
    fn stop_many(&mut self, ctx: &mut Ctx, how: Shutdown) {
        let stopping: Vec<ChildKey> = self.policy.stopping().map(|(key, _)| key).collect();
        if how == Shutdown::BrutalKill {
            stopping.into_iter().for_each(|key| self.kill(ctx, key));
            return;
        }
        for cell in stopping.iter().filter_map(|&key| self.kids.get(key)?.cell.as_ref()) {
            cell.stop(ExitReason::Shutdown);
        }
        if let Shutdown::Timeout(limit) = how {
            self.after(ctx, limit, Due::StopManyOverdue);
        }
    }

    fn retry_later(&mut self, key: ChildKey) {
        if let Some(cell) = self.kids.get(key).and_then(|kid| kid.cell.as_ref()) {
            cell.mark_restarting();
        }
        let again = TryAgain { supervisor: self.incarnation, key };
        if let Some(me) = self.me.upgrade()
            && let Err(error) = me.try_tell(again)
        {
            tracing::error!(supervisor = %self.path, %error, "a retry was lost");
        }
    }

    fn report(&mut self, report: SupervisorReport) {
        let child = match report.offender {
            ms_core::policy::Offender::Child { key, .. } => self.kids.get(key).map(|kid| kid.path.clone()),
            ms_core::policy::Offender::Many { .. } => None,
        };
        log_report(&self.path, child.as_ref(), &report);
        self.observe(&Observation::Report { child, report });
    }

    pub(crate) fn observe(&self, observation: &Observation) {
        if let Some(observer) = &self.supervisor.observer {
            observer.observe(&self.path, self.incarnation, observation);
        }
    }

    /// The spec is gone: nobody will start the child again.
    fn forget(&mut self, key: ChildKey) {
        let Some(kid) = self.kids.remove(key) else { return };
        let reason = kid.cell.as_ref().and_then(AnyRef::last_exit).unwrap_or(ExitReason::Shutdown);
        if let Ok(name) = ChildId::new(kid.path.name()) {
            self.bank.forget(&name, &reason);
        }
        if let Some(cell) = kid.cell {
            cell.close(&reason);
        }
        if let Some(below) = kid.below {
            below.close(&reason);
        }
    }

    fn exit(&mut self, ctx: &mut Ctx, reason: ExitReason) {
        self.finished = true;
        if !self.supervisor.lasting_refs {
            self.kids.iter().filter_map(|kid| kid.cell.as_ref()).for_each(|cell| cell.close(&reason));
        }
        ctx.exit_with(reason);
    }

    // ---- news ------------------------------------------------------------------

    fn take_news(&mut self, ctx: &mut Ctx, event: ChildEvent) {
        let key = ChildKey::from_raw(event.key);
        let Some(kid) = self.kids.get_mut(key) else { return };
        if kid.life != event.incarnation && !(kid.life < event.incarnation && !kid.acknowledged) {
            return;
        }
        let (incarnation, path) = (kid.attempt, kid.path.clone());
        let seen = event.incarnation;
        match event.news {
            ChildNews::Started => {
                kid.acknowledged = true;
                let info = kid.cell.as_ref().is_some_and(|cell| cell.start_info().is_some());
                self.clear_timer(key);
                self.observe(&Observation::Started { path, incarnation: seen });
                self.feed(ctx, Event::Started { key, incarnation, info });
            }
            ChildNews::Ignored => {
                self.clear_timer(key);
                self.observe(&Observation::Ignored { path });
                self.feed(ctx, Event::Ignored { key, incarnation });
            }
            ChildNews::StartFailed(reason) => {
                let overdue = kid.rare.as_mut().and_then(|rare| rare.overdue.take());
                let reason = overdue.unwrap_or(reason);
                self.clear_timer(key);
                self.observe(&Observation::StartFailed { path, reason: reason.clone() });
                self.feed(ctx, Event::StartFailed { key, incarnation, reason });
            }
            ChildNews::Exited(mut facts) => {
                if let Some(hung) = kid.rare.as_mut().and_then(|rare| rare.hung.take()) {
                    facts.reason = hung;
                }
                let reason = facts.reason.clone();
                if !reason.is_clean() || facts.injected {
                    kid.rare().last_end = Some(facts);
                }
                self.clear_timer(key);
                self.observe(&Observation::Exited { path, incarnation: seen, reason: reason.clone() });
                let event = match reason {
                    ExitReason::ArbiterLost => Event::Evacuated { key, incarnation },
                    reason => Event::Exited { key, incarnation, reason },
                };
                self.feed(ctx, event);
            }
        }
    }

    // ---- commands --------------------------------------------------------------

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn command(&mut self, ctx: &mut Ctx, ticket: Ticket, command: Command) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.waiting.insert(ticket, reply);
        self.feed(ctx, Event::Command { ticket, command });
        answer
    }

    fn reply(&mut self, ticket: Ticket, result: Result<Reply, CommandError>) {
        self.arriving.remove(&ticket);
        if let Some(waiting) = self.waiting.remove(&ticket) {
            // The caller may have given up; its loss.
            drop(waiting.send(result));
        }
    }

    fn making(&self, child: &ChildSpec) -> Making {
        let mut child = child.clone();
        if let Make::Supervisor(below) = &mut child.make {
            below.observer = below.observer.take().or_else(|| self.supervisor.observer.clone());
            below.lasting_refs &= self.supervisor.lasting_refs;
        }
        let (blueprint, below) = child.resolve();
        let care = Care {
            placement: child.placement,
            start_timeout: child.start_timeout,
            heartbeat: child.heartbeat,
        };
        Making { blueprint, below, care: Arc::new(care) }
    }

    /// Name and makings of one more child of a dynamic supervisor.
    fn dynamic_making(&mut self, child: Option<DynamicChild>) -> Result<(ChildId, Making), SupervisorError> {
        let template = self.supervisor.children.first().cloned().ok_or(CommandError::NotSimpleOneForOne)?;
        let mut making = self.making(&template);
        making.care = Arc::clone(self.template_care.get_or_insert(making.care));
        let mut name = None;
        if let Some(child) = child {
            name = child.name.transpose()?;
            let blueprint = child.blueprint.kind(template.policy.kind);
            making.blueprint = match template.mailbox {
                Some(mailbox) => blueprint.mailbox(mailbox),
                None => blueprint,
            };
        }
        let name = match name {
            Some(name) => name,
            None => {
                self.unnamed += 1;
                ChildId::new(format!("{}", self.unnamed))?
            }
        };
        if let Some(key) = self.kids.named(name.as_str()) {
            let incarnation = self.kids.get(key).map_or(Incarnation::NONE, |kid| kid.attempt);
            return Err(CommandError::AlreadyStarted { key, incarnation }.into());
        }
        if self.arriving.values().any(|(other, _)| *other == name) {
            return Err(CommandError::AlreadyPresent.into());
        }
        Ok((name, making))
    }

    fn target(&self, which: &Which) -> Result<Target, SupervisorError> {
        match which {
            Which::Id(id) => Ok(Target::Id(id.clone())),
            Which::Path(path) => self
                .kids
                .named(path.name())
                .filter(|_| path.parent().as_ref() == Some(&self.path))
                .map(Target::Key)
                .ok_or_else(|| CommandError::NotFound.into()),
        }
    }

    fn child_started(&self, reply: Reply) -> Result<StartedChild, SupervisorError> {
        match reply {
            Reply::Started { key, incarnation, info } => {
                let kid = self.kids.get(key);
                let actor = kid.and_then(|kid| kid.cell.clone()).ok_or(CommandError::NotFound)?;
                let info = if info { actor.start_info() } else { None };
                Ok(StartedChild { actor: Some(actor), incarnation, info })
            }
            _ => Ok(StartedChild { actor: None, incarnation: Incarnation::NONE, info: None }),
        }
    }

    pub(crate) fn child_named(&self, id: &ChildId) -> Option<&Kid> {
        self.kids.get(self.kids.named(id.as_str())?)
    }
}

type Answer = oneshot::Receiver<Result<Reply, CommandError>>;

impl Actor for SupervisorActor {
    type Context = Ctx;

    fn started(&mut self, ctx: &mut Ctx) {
        self.incarnation = ctx.incarnation();
        self.node = Some(ctx.node().clone());
        let sink = Sink { supervisor: self.me.clone(), incarnation: self.incarnation };
        self.sink = Some(Arc::new(sink));
        ctx.defer_init();
        // OTP's supervisors trap exits (A7); signals of strangers are ignored (B4).
        ctx.trap_exit(|_, _, _| {});
        if !self.is_dynamic() {
            let keys: Vec<ChildKey> = self.policy.children().map(|child| child.key).collect();
            let specs: Vec<ChildSpec> = self.supervisor.children.clone();
            for (key, spec) in keys.into_iter().zip(&specs) {
                if let Ok(name) = spec.id() {
                    self.insert_kid(key, name.clone(), self.making(spec));
                }
            }
        }
        self.arm_heartbeats(ctx);
        self.feed(ctx, Event::Boot);
    }

    /// Told to stop: its children first, in reverse order. It ends when they have.
    fn stopping(&mut self, ctx: &mut Ctx) -> Running {
        if self.finished {
            return Running::Stop;
        }
        let reason = ctx.stop_reason().cloned().unwrap_or(ExitReason::Shutdown);
        self.feed(ctx, Event::Shutdown { reason });
        Running::Continue
    }
}

impl Drop for SupervisorActor {
    /// Killed: its children get its exit signal, in no order (F5).
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let living = self.kids.iter().filter_map(|kid| kid.cell.as_ref()).filter(|cell| cell.is_alive());
        living.for_each(|cell| cell.parent_exit(ExitReason::Killed));
    }
}

/// Where the kernel delivers news of the children of one supervisor incarnation.
struct Sink {
    supervisor: WeakRef<SupervisorActor>,
    incarnation: Incarnation,
}

impl ChildSink for Sink {
    fn child_event(&self, event: ChildEvent) {
        let news = News { supervisor: self.incarnation, event };
        let Some(supervisor) = self.supervisor.upgrade() else { return };
        // A supervisor that is gone has no use for news.
        drop(supervisor.try_tell(news));
    }
}

impl Handler<News> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Ctx) {
        if news.supervisor == self.incarnation {
            self.take_news(ctx, news.event);
        }
    }
}

impl Handler<TryAgain> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, again: TryAgain, ctx: &mut Ctx) {
        if again.supervisor == self.incarnation {
            self.feed(ctx, Event::TryAgain { key: again.key });
        }
    }
}

impl Handler<Suspend> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Suspend(suspended): Suspend, ctx: &mut Ctx) {
        self.suspended = suspended;
        self.feed(ctx, if suspended { Event::Suspend } else { Event::Resume });
    }
}

/// Waits for the policy's reply and turns it into what the caller wants.
fn when_answered<T: 'static>(
    this: &SupervisorActor,
    answer: Answer,
    finish: impl FnOnce(&mut SupervisorActor, Reply) -> Result<T, SupervisorError> + 'static,
) -> ResponseActFuture<SupervisorActor, Result<T, SupervisorError>> {
    let future = answer.into_actor(this).map(|answer, this, _| match answer {
        Ok(Ok(reply)) => finish(this, reply),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(CommandError::Stopping.into()),
    });
    Box::pin(future)
}

fn refused<T: 'static>(error: SupervisorError) -> ResponseActFuture<SupervisorActor, Result<T, SupervisorError>> {
    Box::pin(actix::fut::ready(Err(error)))
}

impl Handler<StartChild> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<StartedChild, SupervisorError>>;

    fn handle(&mut self, StartChild(spec): StartChild, ctx: &mut Ctx) -> Self::Result {
        let entry = match spec.entry() {
            Ok(entry) => entry,
            Err(error) => return refused(error.into()),
        };
        let ticket = self.ticket();
        let making = self.making(&spec);
        self.arriving.insert(ticket, (entry.id.clone(), making));
        let answer = self.command(ctx, ticket, Command::StartChild(entry));
        when_answered(self, answer, |this, reply| this.child_started(reply))
    }
}

impl Handler<StartDynamic> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<StartedChild, SupervisorError>>;

    fn handle(&mut self, StartDynamic(child): StartDynamic, ctx: &mut Ctx) -> Self::Result {
        if !self.is_dynamic() {
            return refused(CommandError::NotSimpleOneForOne.into());
        }
        let (name, making) = match self.dynamic_making(child.map(|child| *child)) {
            Ok(made) => made,
            Err(error) => return refused(error),
        };
        let ticket = self.ticket();
        self.arriving.insert(ticket, (name, making));
        let answer = self.command(ctx, ticket, Command::StartDynamic);
        when_answered(self, answer, |this, reply| this.child_started(reply))
    }
}

impl Handler<TerminateChild> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<(), SupervisorError>>;

    fn handle(&mut self, TerminateChild(which): TerminateChild, ctx: &mut Ctx) -> Self::Result {
        let target = match self.target(&which) {
            Ok(target) => target,
            Err(error) => return refused(error),
        };
        let ticket = self.ticket();
        let answer = self.command(ctx, ticket, Command::TerminateChild(target));
        when_answered(self, answer, |_, _| Ok(()))
    }
}

impl Handler<RestartChild> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<StartedChild, SupervisorError>>;

    fn handle(&mut self, RestartChild(id): RestartChild, ctx: &mut Ctx) -> Self::Result {
        let ticket = self.ticket();
        let answer = self.command(ctx, ticket, Command::RestartChild(id));
        when_answered(self, answer, |this, reply| this.child_started(reply))
    }
}

impl Handler<DeleteChild> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<(), SupervisorError>>;

    fn handle(&mut self, DeleteChild(id): DeleteChild, ctx: &mut Ctx) -> Self::Result {
        let ticket = self.ticket();
        let answer = self.command(ctx, ticket, Command::DeleteChild(id));
        when_answered(self, answer, |_, _| Ok(()))
    }
}

impl Handler<WhichChildren> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<Vec<ChildInfo>, SupervisorError>>;

    fn handle(&mut self, _: WhichChildren, ctx: &mut Ctx) -> Self::Result {
        let ticket = self.ticket();
        let answer = self.command(ctx, ticket, Command::WhichChildren);
        when_answered(self, answer, |this, reply| {
            let Reply::Children(rows) = reply else { return Ok(Vec::new()) };
            let info = rows.into_iter().filter_map(|row| {
                let kid = this.kids.get(row.key)?;
                Some(ChildInfo {
                    id: row.id,
                    path: kid.path.clone(),
                    child: row.child,
                    kind: row.kind,
                    actor: kid.cell.clone(),
                })
            });
            Ok(info.collect())
        })
    }
}

impl Handler<CountChildren> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<ms_core::policy::Counts, SupervisorError>>;

    fn handle(&mut self, _: CountChildren, ctx: &mut Ctx) -> Self::Result {
        let ticket = self.ticket();
        let answer = self.command(ctx, ticket, Command::CountChildren);
        when_answered(self, answer, |_, reply| match reply {
            Reply::Counts(counts) => Ok(counts),
            _ => Err(CommandError::NotFound.into()),
        })
    }
}

impl Handler<GetChildSpec> for SupervisorActor {
    type Result = ResponseActFuture<Self, Result<ms_core::policy::ChildEntry, SupervisorError>>;

    fn handle(&mut self, GetChildSpec(which): GetChildSpec, ctx: &mut Ctx) -> Self::Result {
        let target = match self.target(&which) {
            Ok(target) => target,
            Err(error) => return refused(error),
        };
        let ticket = self.ticket();
        let answer = self.command(ctx, ticket, Command::GetChildSpec(target));
        when_answered(self, answer, |_, reply| match reply {
            Reply::Spec(entry) => Ok(entry),
            _ => Err(CommandError::NotFound.into()),
        })
    }
}

impl Handler<FindChild> for SupervisorActor {
    type Result = Option<AnyRef>;

    fn handle(&mut self, FindChild(id): FindChild, _: &mut Ctx) -> Option<AnyRef> {
        self.child_named(&id).and_then(|kid| kid.cell.clone())
    }
}

impl SupervisorActor {
    /// Children that opted in to heartbeats are looked at once a beat.
    fn arm_heartbeats(&self, ctx: &mut Ctx) {
        let beats = self.supervisor.children.iter().filter_map(|child| child.heartbeat);
        if let Some(every) = beats.map(|beat| beat.every).min() {
            ctx.run_interval(every.max(Duration::from_millis(10)), |this, ctx| this.beat(ctx));
        }
    }

    fn beat(&mut self, ctx: &mut Ctx) {
        let hung: Vec<(ChildKey, u32)> = self
            .kids
            .iter()
            .filter_map(|kid| {
                let beat = kid.care.heartbeat?;
                let handling = kid.cell.as_ref()?.busy_for()?;
                let lost = kid.acknowledged && handling > beat.limit();
                (lost && kid.rare.as_ref().is_none_or(|rare| rare.hung.is_none())).then_some((kid.key, beat.missed))
            })
            .collect();
        for (key, missed) in hung {
            let running = self.policy.child(key).is_some_and(|child| child.state == ChildState::Running);
            if let Some(kid) = self.kids.get_mut(key).filter(|_| running) {
                kid.rare().hung = Some(ExitReason::HeartbeatLost { missed });
                self.kill(ctx, key);
            }
        }
    }

}
