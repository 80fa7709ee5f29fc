//! The dispatcher: knows which file is with which auditor, and sees to it that
//! every file comes to an end.
//!
//! A file is *listed*, then divided by the store into finished and *queued*, then
//! claimed and *ready*, then *leased* to an auditor, then *unsaved*, and at last
//! *settled*: in the store and in the reducer. When an auditor ends, the file it
//! had is given to another. A file of which an auditor died in earnest
//! [`MAX_KILLS`] times is set aside. The dispatcher itself may die at any moment:
//! its successor gets everything from the store and from a new walk.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix::fut::ActorFutureExt;
use actix::{Actor, AsyncContext, Handler, Message, SpawnHandle, WrapFuture};
use ms_actor::{AskError, Context, LifeChange, LifeNews, StateValue};
use ms_audit::outcome::MAX_KILLS;
use ms_audit::{FileOutcome, Outcome, Reason, SourceFile, UnitFacts};
use ms_core::view::Lifecycle;
use ms_core::{ExitReason, Incarnation};
use ms_worker::AgentRef;

use crate::args::ChaosOptions;
use crate::auditor::{Audit, Auditor};
use crate::board::Board;
use crate::chaos::{self, Fault};
use crate::reducer::Add;
use crate::reporter::Finish;
use crate::roster::{Roster, persistently};
use crate::store::{Claim, Divide, RecordKill, Save};

/// The walker pauses while more files than this wait.
const ENOUGH: usize = 8192;
/// Files claimed in one transaction.
const CLAIM: usize = 64;
/// No new leases while more outcomes than this are unsaved.
const MAX_UNSAVED: usize = 4096;
/// Longest time with one auditor. Heartbeats find what hangs long before.
const LEASE: Duration = Duration::from_secs(60);
/// A suspended auditor that has not begun loses its file after so long.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often leases are looked through.
const TICK: Duration = Duration::from_millis(100);
/// Faults that may wait to be given out.
const MAX_ORDERED: usize = 64;

/// What a dispatcher is made of.
#[derive(Clone)]
pub(crate) struct DispatcherArgs {
    pub(crate) roster: Roster,
    pub(crate) board: Arc<Board>,
    pub(crate) chaos: Option<ChaosOptions>,
}

pub(crate) struct Dispatcher {
    args: DispatcherArgs,
    desks: Vec<Desk>,
    seen: HashSet<Arc<str>>,
    queue: VecDeque<Job>,
    ready: VecDeque<Job>,
    unsaved: Vec<FileOutcome>,
    /// Questions to the store or the reducer that are on their way.
    dividing: usize,
    judging: usize,
    claiming: bool,
    saving: bool,
    /// How much was listed, once the walk is over.
    input: Option<u64>,
    finished: bool,
    /// Faults asked for by keys.
    ordered: VecDeque<Fault>,
    last_lease: u64,
}

/// A file to be audited.
#[derive(Debug, Clone)]
struct Job {
    file: Arc<SourceFile>,
    attempt: u32,
}

/// One auditor, and what it has.
struct Desk {
    name: String,
    auditor: AgentRef<Auditor>,
    at: At,
}

enum At {
    /// Between two lives.
    Down,
    Idle,
    Busy(Lease),
}

/// A file in the hands of one life of an auditor.
struct Lease {
    id: u64,
    job: Job,
    incarnation: Incarnation,
    fault: Option<Fault>,
    scanning: Arc<AtomicBool>,
    since: Instant,
    ask: SpawnHandle,
}

impl Dispatcher {
    pub(crate) fn new(args: DispatcherArgs) -> Self {
        Self {
            args,
            desks: Vec::new(),
            seen: HashSet::new(),
            queue: VecDeque::new(),
            ready: VecDeque::new(),
            unsaved: Vec::new(),
            dividing: 0,
            judging: 0,
            claiming: false,
            saving: false,
            input: None,
            finished: false,
            ordered: VecDeque::new(),
            last_lease: 0,
        }
    }

    pub(crate) fn view(&self) -> StateValue {
        let leased = self.desks.iter().filter(|desk| matches!(desk.at, At::Busy(_))).count();
        StateValue::map(
            [
                ("listed", self.seen.len()),
                ("queued", self.queue.len()),
                ("ready", self.ready.len()),
                ("leased", leased),
                ("unsaved", self.unsaved.len()),
            ]
            .map(|(name, value)| (name, value.into())),
        )
    }

    /// Everything that can be done now.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        self.claim(ctx);
        self.lease_all(ctx);
        self.save(ctx);
        self.finish(ctx);
        self.args.board.queue.set((self.queue.len() + self.ready.len()) as u64);
    }

    /// Has the store note which files are worked on next.
    fn claim(&mut self, ctx: &mut Context<Self>) {
        if self.claiming || self.queue.is_empty() || self.ready.len() >= CLAIM / 2 {
            return;
        }
        let Some(store) = self.args.roster.parts().store.clone() else { return };
        self.claiming = true;
        let jobs: Vec<Job> = self.queue.drain(..self.queue.len().min(CLAIM)).collect();
        let files = jobs.iter().map(|job| SourceFile::clone(&job.file)).collect();
        let claim = async move { persistently(&store, Claim(files)).await };
        ctx.spawn(claim.into_actor(self).map(|(), this, ctx| {
            this.claiming = false;
            this.ready.extend(jobs);
            this.pump(ctx);
        }));
    }

    fn lease_all(&mut self, ctx: &mut Context<Self>) {
        for at in 0..self.desks.len() {
            if self.ready.is_empty() || self.unsaved.len() > MAX_UNSAVED {
                return;
            }
            let desk = &self.desks[at];
            let any = desk.auditor.any();
            if matches!(desk.at, At::Idle) && any.lifecycle() == Lifecycle::Running {
                self.lease(at, any.incarnation(), ctx);
            }
        }
    }

    /// Gives the next file to an auditor.
    fn lease(&mut self, at: usize, incarnation: Incarnation, ctx: &mut Context<Self>) {
        let Some(job) = self.ready.pop_front() else { return };
        let by_chance = || {
            self.args.chaos.and_then(|options| chaos::fault(options, &job.file.label, job.attempt))
        };
        let fault = self.ordered.pop_front().or_else(by_chance);
        let scanning = Arc::new(AtomicBool::new(false));
        let audit = Audit { file: Arc::clone(&job.file), fault, scanning: Arc::clone(&scanning) };
        self.last_lease += 1;
        let (id, ask) = (self.last_lease, self.desks[at].auditor.ask(audit).within(LEASE));
        let ask = ctx.spawn(
            ask.into_actor(self).map(move |answer, this, ctx| this.answered(at, id, answer, ctx)),
        );
        self.args.board.begin_work(&self.desks[at].name, &job.file.label);
        let since = Instant::now();
        self.desks[at].at = At::Busy(Lease { id, job, incarnation, fault, scanning, since, ask });
    }

    /// Takes the lease `id` from a desk, if it still has it.
    fn take_lease(&mut self, at: usize, id: u64, then: At) -> Option<Lease> {
        let desk = &mut self.desks[at];
        match &desk.at {
            At::Busy(lease) if lease.id == id => {}
            _ => return None,
        }
        self.args.board.end_work(&desk.name);
        match std::mem::replace(&mut desk.at, then) {
            At::Busy(lease) => Some(lease),
            _ => None,
        }
    }

    fn answered(
        &mut self,
        at: usize,
        id: u64,
        answer: Result<FileOutcome, AskError<Audit>>,
        ctx: &mut Context<Self>,
    ) {
        match answer {
            Ok(outcome) => {
                if self.take_lease(at, id, At::Idle).is_some() {
                    self.unsaved.push(outcome);
                }
            }
            Err(error) => {
                let Some(lease) = self.take_lease(at, id, At::Down) else { return };
                if matches!(error, AskError::TimedOut { .. }) {
                    // It still has the file: its life must end before it gets another.
                    self.desks[at].auditor.any().kill();
                }
                let reason = error.exit_reason().cloned();
                self.redeliver(
                    lease,
                    reason.unwrap_or_else(|| ExitReason::failed(error.to_string())),
                    ctx,
                );
                self.look_again(at);
            }
        }
        self.pump(ctx);
    }

    /// The file of an auditor that is no more: to be audited by another, or judged.
    fn redeliver(&mut self, lease: Lease, reason: ExitReason, ctx: &mut Context<Self>) {
        ctx.cancel_future(lease.ask);
        self.args.board.redelivered.add(1);
        let culprit =
            lease.scanning.load(Ordering::Acquire) && lease.fault.is_none() && is_crash(&reason);
        let job = Job { attempt: lease.job.attempt + 1, ..lease.job };
        if culprit { self.judge(job, reason, ctx) } else { self.ready.push_back(job) }
    }

    /// A file killed its auditor, in earnest: counts it, and sets the file aside if
    /// it did so too often.
    fn judge(&mut self, job: Job, reason: ExitReason, ctx: &mut Context<Self>) {
        let Some(store) = self.args.roster.parts().store.clone() else {
            return self.ready.push_back(job);
        };
        self.judging += 1;
        let file = Arc::clone(&job.file);
        // Asked once: a kill must not be counted twice. Unanswered, it was none.
        let ask = async move { store.ask(RecordKill(file)).within(LEASE).await };
        ctx.spawn(ask.into_actor(self).map(move |kills, this, ctx| {
            this.judging -= 1;
            match kills {
                Ok(Ok(kills)) if kills >= MAX_KILLS => {
                    let reason = Reason::KilledAuditor { kills, last: reason.to_string() };
                    this.unsaved.push(job.file.outcome(Outcome::Quarantined(reason)));
                }
                _ => this.ready.push_back(job),
            }
            this.pump(ctx);
        }));
    }

    /// Puts outcomes on disk, then into the reducer; one batch at a time.
    fn save(&mut self, ctx: &mut Context<Self>) {
        if self.saving || self.unsaved.is_empty() {
            return;
        }
        let (store, reducer) = {
            let parts = self.args.roster.parts();
            let (Some(store), Some(reducer)) = (parts.store.clone(), parts.reducer.clone()) else {
                return;
            };
            (store, reducer)
        };
        self.saving = true;
        let outcomes: Arc<[FileOutcome]> = std::mem::take(&mut self.unsaved).into();
        let save = async move {
            persistently(&store, Save(Arc::clone(&outcomes))).await;
            persistently(&reducer, Add { units: Arc::new([]), outcomes }).await;
        };
        ctx.spawn(save.into_actor(self).map(|(), this, ctx| {
            this.saving = false;
            this.pump(ctx);
        }));
    }

    /// When nothing is on its way any more, the report may be written.
    fn finish(&mut self, ctx: &mut Context<Self>) {
        let Some(input) = self.input else { return };
        let is_busy = self.desks.iter().any(|desk| matches!(desk.at, At::Busy(_)));
        let waits = !(self.queue.is_empty() && self.ready.is_empty() && self.unsaved.is_empty());
        if self.finished
            || is_busy
            || waits
            || self.claiming
            || self.saving
            || self.dividing + self.judging > 0
        {
            return;
        }
        let Some(reporter) = self.args.roster.parts().reporter.clone() else { return };
        self.finished = true;
        let tell = async move { reporter.tell(Finish { input }).await };
        ctx.spawn(tell.into_actor(self).map(|told, this, _| this.finished = told.is_ok()));
    }

    /// Sees what is true of a desk, beside what was told.
    fn look_again(&mut self, at: usize) {
        let desk = &mut self.desks[at];
        if matches!(desk.at, At::Down) && desk.auditor.any().lifecycle() == Lifecycle::Running {
            desk.at = At::Idle;
        }
    }

    /// Takes files back from auditors that are suspended, and from lives that are over.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        for at in 0..self.desks.len() {
            self.look_again(at);
            let any = self.desks[at].auditor.any();
            let At::Busy(lease) = &self.desks[at].at else { continue };
            let id = lease.id;
            let over = any.incarnation() != lease.incarnation;
            let idle_too_long =
                lease.since.elapsed() > PATIENCE && any.lifecycle() == Lifecycle::Suspended;
            if !over && !idle_too_long {
                continue;
            }
            let reason = any.last_exit().filter(|_| over).unwrap_or(ExitReason::Killed);
            if let Some(lease) = self.take_lease(at, id, if over { At::Down } else { At::Idle }) {
                self.redeliver(lease, reason, ctx);
            }
        }
        self.pump(ctx);
    }
}

/// Whether a life ended by itself, as opposed to by order or by a neighbour's fault.
fn is_crash(reason: &ExitReason) -> bool {
    matches!(
        reason,
        ExitReason::Panicked(_) | ExitReason::Failed(_) | ExitReason::HeartbeatLost { .. }
    )
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let auditors = {
            let mut parts = self.args.roster.parts();
            parts.dispatcher = Some(ctx.me());
            parts.auditors.clone()
        };
        self.args.board.walked.store(false, Ordering::Release);
        for (name, auditor) in auditors {
            ctx.follow(&auditor.any());
            self.desks.push(Desk { name, auditor, at: At::Down });
        }
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Handler<LifeNews> for Dispatcher {
    type Result = ();

    fn handle(&mut self, news: LifeNews, ctx: &mut Self::Context) {
        let Some(at) = self.desks.iter().position(|desk| desk.auditor.any() == news.of) else {
            return;
        };
        match news.change {
            LifeChange::Started(_) => self.look_again(at),
            LifeChange::Ended { incarnation, reason } => {
                let held = match &self.desks[at].at {
                    At::Busy(lease) if lease.incarnation == incarnation => Some(lease.id),
                    _ => None,
                };
                if let Some(lease) = held.and_then(|id| self.take_lease(at, id, At::Down)) {
                    self.redeliver(lease, reason, ctx);
                }
            }
            LifeChange::Gone(_) => {}
        }
        self.pump(ctx);
    }
}

/// A batch of the walk.
#[derive(Clone)]
pub(crate) struct Walked {
    pub(crate) units: Arc<[UnitFacts]>,
    pub(crate) files: Arc<[SourceFile]>,
    pub(crate) unreadable: Arc<[FileOutcome]>,
}

impl Message for Walked {
    /// Whether that is enough for the moment.
    type Result = bool;
}

impl Handler<Walked> for Dispatcher {
    type Result = bool;

    fn handle(&mut self, batch: Walked, ctx: &mut Self::Context) -> bool {
        let has_enough = self.queue.len() > ENOUGH;
        let (store, reducer) = {
            let parts = self.args.roster.parts();
            let (Some(store), Some(reducer)) = (parts.store.clone(), parts.reducer.clone()) else {
                return has_enough;
            };
            (store, reducer)
        };
        // A second walk brings nothing new.
        let files: Arc<[SourceFile]> = batch
            .files
            .iter()
            .filter(|file| self.seen.insert(Arc::clone(&file.label)))
            .cloned()
            .collect();
        self.dividing += 1;
        let divide = async move {
            let resume = persistently(&store, Divide(files)).await;
            let outcomes =
                resume.finished.into_iter().chain(batch.unreadable.iter().cloned()).collect();
            persistently(&reducer, Add { units: batch.units, outcomes }).await;
            resume.pending
        };
        ctx.spawn(divide.into_actor(self).map(|pending, this, ctx| {
            this.dividing -= 1;
            this.queue
                .extend(pending.into_iter().map(|file| Job { file: Arc::new(file), attempt: 0 }));
            this.pump(ctx);
        }));
        has_enough
    }
}

/// The walk is over.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct WalkOver {
    /// How much was listed.
    pub(crate) input: u64,
}

impl Handler<WalkOver> for Dispatcher {
    type Result = ();

    fn handle(&mut self, over: WalkOver, ctx: &mut Self::Context) {
        self.input = Some(over.input);
        self.args.board.walked.store(true, Ordering::Release);
        self.pump(ctx);
    }
}

/// The next file that is given out comes with this fault.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Sabotage(pub(crate) Fault);

impl Handler<Sabotage> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Sabotage(fault): Sabotage, _: &mut Self::Context) {
        if self.ordered.len() < MAX_ORDERED {
            self.ordered.push_back(fault);
        }
    }
}
