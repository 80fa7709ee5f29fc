//! The supervisor actor: feeds the policy and carries out its effects.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use actix::{Actor, Running};
use ms_actor::host::ChildSink;
use ms_actor::{AnyRef, Context, Node, Ref, StartError, StateValue, WeakRef};
use ms_core::{ActorPath, ExitReason, Incarnation, Strategy};
use ms_policy::{ChildKey, ChildState, Effect, Event, Offender, Phase, Policy, SupervisorReport};

use crate::admin::Calls;
use crate::bank::Bank;
use crate::handle::SupervisorRef;
use crate::heartbeat::Beats;
use crate::kids::{Care, Kid, Kids};
use crate::news::{Sink, Undertaker};
use crate::observe::{Observation, log_report};
use crate::spec::ChildSpec;
use crate::stopping::bring_to_an_end;
use crate::supervisor::Supervisor;
use crate::timers::{Due, Timers};

pub(crate) type Ctx = Context<SupervisorActor>;

/// The actor behind a [`Supervisor`]. Talk to it through [`crate::SupervisorRef`].
pub struct SupervisorActor {
    pub(crate) me: WeakRef<Self>,
    pub(crate) path: ActorPath,
    pub(crate) incarnation: Incarnation,
    pub(crate) node: Option<Node>,
    pub(crate) policy: Policy,
    pub(crate) kids: Kids,
    pub(crate) supervisor: Supervisor,
    pub(crate) bank: Bank,
    pub(crate) calls: Calls,
    pub(crate) timers: Timers,
    pub(crate) sink: Option<Arc<dyn ChildSink>>,
    pub(crate) template_care: Option<Arc<Care>>,
    pub(crate) beats: Beats,
    pub(crate) suspended: bool,
    /// What the init callback handed over for whoever starts it.
    start_info: Option<StateValue>,
    finished: bool,
    /// Children that may stay down: they ended, did not start, or are told to stop.
    pub(crate) ended_lately: Vec<ChildKey>,
    /// Answers to starts that are known as soon as they are begun.
    pub(crate) begun: VecDeque<Event>,
}

impl SupervisorActor {
    pub(crate) fn new(
        supervisor: &Supervisor,
        bank: Bank,
        me: &Ref<Self>,
    ) -> Result<Self, StartError> {
        let supervisor = supervisor.clone();
        supervisor.check_depth(me.path().segments().count().saturating_sub(1))?;
        let entries = supervisor.children.iter().map(ChildSpec::entry).collect::<Result<_, _>>()?;
        let policy = Policy::new(supervisor.flags, entries)?;
        supervisor.check_settings()?;
        if !supervisor.is_wanted() {
            return Err(StartError::Ignore);
        }
        let start_info = match &supervisor.init {
            Some(init) => init(&SupervisorRef::new(me.clone()))?,
            None => None,
        };
        Ok(Self {
            me: me.downgrade(),
            path: me.path().clone(),
            incarnation: Incarnation::NONE,
            node: None,
            policy,
            kids: Kids::default(),
            supervisor,
            bank,
            calls: Calls::default(),
            timers: Timers::default(),
            sink: None,
            template_care: None,
            beats: Beats::default(),
            suspended: false,
            start_info,
            finished: false,
            ended_lately: Vec::new(),
            begun: VecDeque::new(),
        })
    }

    pub(crate) fn is_dynamic(&self) -> bool {
        self.policy.flags().strategy == Strategy::SimpleOneForOne
    }

    pub(crate) fn state_view(&self) -> StateValue {
        let counts = self.policy.counts();
        let flags = self.policy.flags();
        StateValue::map([
            ("strategy", StateValue::from(format!("{:?}", flags.strategy))),
            ("max_restarts", u64::from(flags.intensity.max_restarts).into()),
            ("restart_window", StateValue::from(format!("{:?}", flags.intensity.period))),
            ("phase", StateValue::from(format!("{:?}", self.policy.phase()))),
            ("specs", counts.specs.into()),
            ("active", counts.active.into()),
            ("restarts_in_window", self.restarts_in_window().into()),
            ("suspended", self.suspended.into()),
            ("looks_at_heartbeats", self.beats.looks.into()),
        ])
    }

    pub(crate) fn restarts_in_window(&self) -> u64 {
        self.node.as_ref().map_or(0, |node| self.policy.restarts_in_window(node.now()).0)
    }

    /// No two supervisors delay alike; in virtual time a run repeats itself.
    fn jitter_seed(&self) -> u64 {
        let mut seed = DefaultHasher::new();
        (&self.path, self.incarnation).hash(&mut seed);
        match self.node.as_ref().map(Node::config) {
            Some(config) if config.seed.is_some() => config.seed.hash(&mut seed),
            Some(config) if config.virtual_time => {}
            _ => (std::process::id(), ms_actor::unix_ms()).hash(&mut seed),
        }
        seed.finish()
    }

    // ---- the policy ------------------------------------------------------------

    pub(crate) fn feed(&mut self, ctx: &mut Ctx, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next {
            let before = self.stops();
            self.policy.handle(ctx.node().now(), event);
            if self.stops() && !before {
                self.observe(&Observation::Stopping);
            }
            while let Some(effect) = self.policy.poll_effect() {
                self.carry_out(ctx, effect);
            }
            next = self.begun.pop_front();
        }
        // While it is suspended nothing is decided: who stays down is not known yet.
        let decided = self.policy.phase() == Phase::Idle && !self.suspended;
        if decided && !self.ended_lately.is_empty() {
            self.refuse_mail_of_the_down();
        }
    }

    /// Children that stay down, however they came to it, take no mail until they are started again.
    fn refuse_mail_of_the_down(&mut self) {
        for key in std::mem::take(&mut self.ended_lately) {
            let down = self.policy.child(key).is_some_and(|c| c.state == ChildState::Stopped);
            if let Some(kid) = self.kids.get(key).filter(|_| down) {
                let reason = kid.cell.as_ref().and_then(AnyRef::last_exit);
                let reason = reason.unwrap_or(ExitReason::NoProc);
                kid.cell.iter().for_each(|cell| cell.refuse(&reason));
                kid.below.iter().for_each(|below| below.bank.refuse(&reason));
            }
        }
    }

    fn carry_out(&mut self, ctx: &mut Ctx, effect: Effect) {
        match effect {
            Effect::Start { key, incarnation, cause, .. } => {
                self.start(ctx, key, incarnation, cause)
            }
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

    fn report(&mut self, mut report: SupervisorReport) {
        let mut child = None;
        if let Offender::Child { key, pid } = &mut report.offender
            && let Some(kid) = self.kids.get(*key)
        {
            *pid = kid.pid_in_lives(*pid);
            child = Some(kid.path.clone());
        }
        log_report(&self.path, child.as_ref(), &report);
        self.observe(&Observation::Report { child, report });
    }

    pub(crate) fn observe(&self, observation: &Observation) {
        if let Some(observer) = &self.supervisor.observer
            && let Some(me) = self.me.upgrade()
        {
            observer.observe(&me.any(), self.incarnation, observation);
        }
    }

    /// Whether it stops for good, or has.
    fn stops(&self) -> bool {
        matches!(self.policy.phase(), Phase::Stopping | Phase::Ended)
    }

    /// The spec is gone: nobody will start the child again, as long as this life lasts. The
    /// next one begins with all specs; what a supervisor drops on its way out comes back in
    /// the same cell, therefore.
    fn forget(&mut self, key: ChildKey) {
        let Some(kid) = self.kids.remove(key) else { return };
        if kid.lasting && self.stops() {
            return;
        }
        let reason = kid.cell.as_ref().and_then(AnyRef::last_exit).unwrap_or(ExitReason::Shutdown);
        self.bury(&kid, &reason);
    }

    fn exit(&mut self, ctx: &mut Ctx, reason: ExitReason) {
        self.finished = true;
        for kid in self.kids.iter().filter(|kid| !kid.lasting) {
            self.bury(kid, &reason);
        }
        ctx.exit_with(reason);
    }

    /// Notes what of a child goes on without it, for whoever takes its name.
    fn leave(&self, kid: &Kid) {
        let below = kid.below.as_ref().map(|below| &below.bank);
        let runs = kid.cell.as_ref().is_some_and(AnyRef::is_alive);
        if self.supervisor.lasting_refs && (runs || below.is_some()) {
            self.bank.leave(kid.path.name(), kid.cell.as_ref(), below);
        }
    }

    /// Says that no further incarnation of the child will come.
    fn bury(&self, kid: &Kid, reason: &ExitReason) {
        self.leave(kid);
        if kid.lasting {
            self.bank.forget(kid.path.name(), reason);
        }
        if let Some(cell) = &kid.cell {
            cell.close_at_end(reason);
        }
        if let Some(below) = &kid.below {
            below.bank.close_after(kid.cell.as_ref(), reason);
        }
    }
}

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
                    let lasting = self.supervisor.lasting_refs;
                    self.insert_kid(key, name.clone(), self.making(spec), lasting);
                }
            }
        }
        self.policy = self.policy.clone().with_jitter_seed(self.jitter_seed());
        if let Some(info) = self.start_info.take() {
            ctx.set_start_info(info);
        }
        self.observe(&Observation::Booting);
        self.feed(ctx, Event::Boot);
    }

    /// Told to stop: its children first, in reverse order. It ends when they have.
    fn stopping(&mut self, ctx: &mut Ctx) -> Running {
        if self.finished {
            return Running::Stop;
        }
        let reason = ctx.stop_reason().cloned().unwrap_or(ExitReason::Shutdown);
        self.feed(ctx, Event::Shutdown { reason });
        // With no child to wait for it has ended within this very call.
        if self.finished { Running::Stop } else { Running::Continue }
    }
}

impl Drop for SupervisorActor {
    fn drop(&mut self) {
        let last = self.me.upgrade().and_then(|me| me.any().last_exit());
        // One that was fenced off may find the end of its successor there.
        let reason = last.filter(|reason| self.finished || !reason.is_clean());
        self.observe(&Observation::Ended { reason: reason.unwrap_or(ExitReason::Killed) });
        if !self.finished {
            self.leave_children();
        }
        self.bank.owner_ended();
    }
}

impl SupervisorActor {
    /// It is gone without having stopped its children: they are told (F5).
    fn leave_children(&self) {
        for kid in self.kids.iter() {
            let Some(cell) = &kid.cell else { continue };
            if !kid.lasting {
                self.leave(kid);
                // Nobody waits for its end any more; somebody must say that it was the last.
                Undertaker::adopt(cell, kid.below.as_ref().map(|below| below.bank.clone()));
            }
            // A successor's start of the same child is none of ours.
            let told = cell.parent_exit_of(kid.life, ExitReason::Killed);
            let child = self.policy.child(kid.key);
            if let Some(child) = child.filter(|_| told && self.supervisor.lasting_refs) {
                bring_to_an_end(cell, kid.life, child.policy.shutdown);
            }
        }
    }
}
