//! The actor `lifecycle`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, SpawnHandle, WrapFuture};
use ms_actor::{Context, Ref, StateValue};
use ms_core::lifecycle::ComponentId;

use super::messages::{IsUp, LifecyclePorts};
use super::state::{Booting, GoingDown, Member};
use super::store::SnapshotStore;
use crate::service::Wiring;
use crate::service::components::ReloadHook;
use crate::service::logic::boot::BootReport;
use crate::service::logic::plan::BootPlan;
use crate::service::settings::{BootSettings, ShutdownSettings};

/// What the actor is made of.
#[derive(Clone)]
pub(crate) struct LifecycleArgs {
    pub(crate) wiring: Wiring,
    pub(crate) plan: BootPlan,
    /// In start order.
    pub(crate) members: Vec<Member>,
    pub(crate) boot: BootSettings,
    pub(crate) shutdown: ShutdownSettings,
    pub(crate) store: Option<Arc<dyn SnapshotStore>>,
    /// The reload hooks of components that are trees.
    pub(crate) reloads: BTreeMap<ComponentId, ReloadHook>,
}

pub(super) type Ctx = Context<LifecycleActor>;

/// Boots the service and shuts it down.
pub(crate) struct LifecycleActor {
    pub(super) args: Arc<LifecycleArgs>,
    pub(super) boot: Option<Booting>,
    pub(super) report: BootReport,
    pub(super) down: Option<GoingDown>,
    pub(super) alarm: Option<SpawnHandle>,
}

impl LifecycleActor {
    pub(crate) fn new(args: Arc<LifecycleArgs>) -> Self {
        Self { args, boot: None, report: BootReport::default(), down: None, alarm: None }
    }

    pub(crate) fn view(&self) -> StateValue {
        let published = self.args.wiring.published();
        let phases = self.report.phases.iter().map(|one| {
            let took = u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX);
            (one.phase.name(), StateValue::from(took))
        });
        let up = published.up.iter().map(|id| StateValue::from(id.as_str()));
        StateValue::map([
            ("stage", StateValue::from(format!("{:?}", published.stage).to_lowercase())),
            ("up", StateValue::list(up)),
            ("phases_ms", StateValue::map(phases)),
            ("components", self.graph()),
        ])
    }

    /// Returns every component with what it needs and when it starts: its phase, and its level
    /// within the phase.
    fn graph(&self) -> StateValue {
        let plan = &self.args.plan;
        let nodes = plan.start_order().iter().filter_map(|id| {
            let component = plan.component(id)?;
            let levels = plan.levels(component.phase);
            let level = levels.iter().position(|level| level.contains(id));
            let needs = component.needs.iter().map(|need| need.as_str().into());
            let member = self.member(id)?;
            let types = |names: &[&'static str]| {
                StateValue::list(names.iter().map(|name| StateValue::from(*name)))
            };
            let node = StateValue::map([
                ("phase", StateValue::from(component.phase.name())),
                ("level", level.into()),
                ("needs", StateValue::list(needs)),
                ("provides", types(&member.provides)),
                ("requires", types(&member.requires)),
            ]);
            Some((id.as_str(), node))
        });
        StateValue::map(nodes)
    }

    /// Returns what is known of a component.
    pub(super) fn member(&self, id: &ComponentId) -> Option<&Member> {
        self.args.members.iter().find(|member| member.id == *id)
    }

    /// Publishes whether a component should run.
    pub(super) fn want(&self, id: &ComponentId, wanted: bool) {
        self.args.wiring.publish(|published| {
            // Readers hold clones of the set, so it is copied here and never changed under them.
            let up = Arc::make_mut(&mut published.up);
            match wanted {
                true => up.insert(id.clone()),
                false => up.remove(id),
            };
        });
    }

    /// Runs a future, and passes its output to `then`.
    pub(super) fn run<T: 'static>(
        &self,
        ctx: &mut Ctx,
        work: impl Future<Output = T> + 'static,
        then: impl FnOnce(&mut Self, &mut Ctx, T) + 'static,
    ) {
        ctx.spawn(work.into_actor(self).map(move |out, this, ctx| then(this, ctx, out)));
    }

    /// Sets the alarm to the next deadline of the machine that runs.
    // One alarm, set anew after every event: a machine may move its deadline either way, and a
    // timer for each deadline would leave old ones behind that have to be told apart.
    pub(super) fn set_alarm(&mut self, ctx: &mut Ctx) {
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        let down = self.down.as_ref().and_then(|down| down.machine.next_deadline());
        let boot = self.boot.as_ref().and_then(|boot| boot.machine.next_deadline());
        // A shutdown that waits for the rollback of a boot has not begun, and has no deadline yet.
        let Some(due) = down.or(boot) else { return };
        let wait = due.since(ctx.node().now());
        self.alarm = Some(ctx.run_later(wait, |this, ctx| {
            this.alarm = None;
            this.boot_elapsed(ctx);
            this.shutdown_elapsed(ctx);
            this.set_alarm(ctx);
        }));
    }
}

impl Actor for LifecycleActor {
    type Context = Context<Self>;
}

impl Handler<IsUp> for LifecycleActor {
    type Result = bool;

    fn handle(&mut self, _: IsUp, _: &mut Self::Context) -> Self::Result {
        self.args.wiring.published().booted.is_some()
    }
}

impl From<&Ref<LifecycleActor>> for LifecyclePorts {
    fn from(actor: &Ref<LifecycleActor>) -> Self {
        Self {
            boot: actor.port(),
            is_up: actor.port(),
            reload: actor.port(),
            shutdown: actor.port(),
            hurry: actor.port(),
        }
    }
}

impl fmt::Debug for LifecycleActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LifecycleActor").field("boot", &self.boot.is_some()).finish_non_exhaustive()
    }
}
