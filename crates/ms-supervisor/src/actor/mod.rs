//! The supervisor actor: feeds the policy and carries out its effects.
//!
//! | file | holds |
//! |---|---|
//! | `effects` | the policy's door: events in, an arm for each effect |
//! | `launch`, `stopping`, `closing` | the life of one child: its starts, its stops, its last end |
//! | `child_events` | what the kernel reports of children |
//! | `administration`, `inspect`, `dry_run` | what callers ask |
//! | `timing`, `heartbeats`, `why` | the actor's side of the machines of these names |
//! | `blueprint` | how supervisors and children are made |
//!
//! What it holds are the machines of [`crate::state`]. These files put them together: they see
//! the actor's fields, and none of the machines'.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use actix::{Actor, Running};
use ms_actor::host::ChildSink;
use ms_actor::{Context, Node, Ref, StartError, StateValue, WeakRef};
use ms_core::{ActorPath, ExitReason, Incarnation, Strategy};
use ms_policy::{ChildKey, Event, Policy};

use crate::observation::{Observation, Observing};
use crate::spec::{ChildSpec, SupervisorSpec};
use crate::state::administration::Administration;
use crate::state::children::Children;
use crate::state::heartbeats::Heartbeats;
use crate::state::kept_cells::KeptCells;
use crate::state::timers::Timers;

mod administration;
pub(crate) mod blueprint;
mod child_events;
mod closing;
mod dry_run;
mod effects;
mod heartbeats;
mod inspect;
mod launch;
mod stopping;
mod timing;
mod why;

type Ctx = Context<SupervisorActor>;

/// The actor behind a [`SupervisorSpec`]. Talk to it through [`crate::SupervisorRef`].
pub struct SupervisorActor {
    me: WeakRef<Self>,
    path: ActorPath,
    incarnation: Incarnation,
    node: Option<Node>,
    spec: SupervisorSpec,
    policy: Policy,
    /// Events that are known as soon as a start is begun. They come after the effects under
    /// way: the policy takes in one event at a time.
    at_once: VecDeque<Event>,
    suspended: bool,
    finished: bool,
    /// What the init callback handed over for whoever starts it.
    start_info: Option<StateValue>,
    /// Where the kernel delivers the events of its children.
    sink: Option<Arc<dyn ChildSink>>,
    children: Children,
    kept: KeptCells,
    timers: Timers,
    heartbeats: Heartbeats,
    administration: Administration,
    observing: Observing,
}

impl SupervisorActor {
    fn new(spec: &SupervisorSpec, kept: KeptCells, me: &Ref<Self>) -> Result<Self, StartError> {
        spec.check_depth(me.path().segments().count().saturating_sub(1))?;
        let policy = Policy::new(spec.flags(), spec.entries()?)?;
        spec.check_settings()?;
        if !spec.is_wanted() {
            return Err(StartError::Ignore);
        }
        let start_info = match spec.init_callback() {
            Some(init) => init(&me.any())?,
            None => None,
        };
        Ok(Self {
            me: me.downgrade(),
            path: me.path().clone(),
            incarnation: Incarnation::NONE,
            node: None,
            spec: spec.clone(),
            policy,
            at_once: VecDeque::new(),
            suspended: false,
            finished: false,
            start_info,
            sink: None,
            children: Children::default(),
            kept,
            timers: Timers::default(),
            heartbeats: Heartbeats::default(),
            administration: Administration::default(),
            observing: Observing::new(spec.attached_observer()),
        })
    }

    fn is_dynamic(&self) -> bool {
        self.policy.flags().strategy == Strategy::SimpleOneForOne
    }

    fn state_view(&self) -> StateValue {
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
            ("looks_at_heartbeats", self.heartbeats.looks().into()),
        ])
    }

    fn restarts_in_window(&self) -> u64 {
        self.node.as_ref().map_or(0, |node| self.policy.restarts_in_window(node.now()).0)
    }

    /// Returns a seed by which no two supervisors delay alike, and a run in virtual time repeats
    /// itself.
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

    fn observe(&self, observation: &Observation) {
        let me = || self.me.upgrade().map(|me| me.any());
        self.observing.report(me, self.incarnation, observation);
    }

    fn insert_static_children(&mut self) {
        let keys: Vec<ChildKey> = self.policy.children().map(|child| child.key).collect();
        // Its keys are in the order of the specs it was made of.
        let specs: Vec<ChildSpec> = self.spec.child_specs().to_vec();
        for (key, spec) in keys.into_iter().zip(&specs) {
            if let Ok(name) = spec.id() {
                let lasting = self.spec.has_lasting_refs();
                self.insert_child(key, name.clone(), self.parts_of(spec), lasting);
            }
        }
    }
}

impl Actor for SupervisorActor {
    type Context = Ctx;

    fn started(&mut self, ctx: &mut Ctx) {
        self.incarnation = ctx.incarnation();
        self.node = Some(ctx.node().clone());
        self.sink = Some(self.event_sink());
        // It counts as started when its children are, not when this function returns.
        ctx.defer_init();
        // OTP's supervisors trap exits (A7); signals of strangers are ignored (B4).
        ctx.trap_exit(|_, _, _| {});
        if !self.is_dynamic() {
            self.insert_static_children();
        }
        // Only now: the seed has the incarnation in it, which is not known in `new`.
        self.policy = self.policy.clone().with_jitter_seed(self.jitter_seed());
        if let Some(info) = self.start_info.take() {
            ctx.set_start_info(info);
        }
        self.observe(&Observation::Booting);
        self.feed(ctx, Event::Boot);
    }

    /// Stops its children first, in reverse order. It ends when they have.
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
        self.observe(&Observation::SupervisorExited {
            reason: reason.unwrap_or(ExitReason::Killed),
        });
        if !self.finished {
            self.leave_children();
        }
        self.kept.owner_ended();
    }
}
