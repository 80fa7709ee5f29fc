//! Composes the tree of a service.
//!
//! ```text
//! /root
//! ├─ lifecycle   boots and shuts down
//! ├─ health      checks the components
//! ├─ integration their interactions: scores, errors, latencies, incidents
//! ├─ emergency   counts critical errors
//! ├─ cleanup     handlers and open resources
//! └─ components
//!    ├─ store    in start order
//!    └─ api
//! ```

use std::sync::Arc;
use std::time::Duration;

use ms_actor::{MailboxSpec, Node, Placement};
use ms_core::lifecycle::{ComponentId, Phase};
use ms_core::time::total;
use ms_core::{ActorPath, Backoff, ChildId, Shutdown};
use ms_supervisor::{ChildSpec, Heartbeat, SupervisorError, SupervisorRef, SupervisorSpec};
use ms_worker::AgentSpec;

use super::builder::Builder;
use super::error::ServiceStartError;
use super::handle::ServiceHandle;
use super::wiring::{Handles, Wiring};
use crate::node::RunError;
use crate::service::boot::{LifecycleActor, LifecycleArgs, Member};
use crate::service::cleanup::{CleanupActor, CleanupArgs};
use crate::service::components::{
    ComponentHost, ComponentSpec, Dependencies, HostArgs, Kind, ReloadHook, TreeContext, resolve,
};
use crate::service::emergency::{EmergencyActor, EmergencyArgs};
use crate::service::health::{CheckSpec, HealthActor, HealthArgs};
use crate::service::interactions::{InteractionsActor, InteractionsArgs, MAILBOX};
use crate::service::logic::graph::OrderHint;
use crate::service::logic::plan::{BootPlan, PlannedComponent};
use crate::service::settings::{Settings, SupervisionSettings};

/// The delay between two restarts of a part of the service, longer after each failure in a row.
// Without it a part that fails at once would use up the restarts of its supervisor within
// milliseconds, and of all supervisors above: the service would give up over a port that is free
// again in a second.
const RESTART_BACKOFF: Backoff = Backoff {
    min: Duration::from_millis(20),
    max: Duration::from_secs(1),
    jitter: 0.2,
    reset_after: Duration::from_secs(10),
};
const ROOT: &str = "root";
const COMPONENTS: &str = "components";

/// A checked plan, with the parts of the tree.
pub(crate) struct Planned {
    pub(crate) plan: BootPlan,
    pub(crate) components: ActorPath,
    /// The service's own actors, with the phase each belongs to.
    pub(crate) own: Vec<(Phase, (ComponentId, ActorPath))>,
    members: Vec<Member>,
    checks: Vec<CheckSpec>,
}

impl Planned {
    /// Plans the components of a builder.
    pub(crate) fn new(builder: &Builder) -> Result<Self, RunError> {
        let Builder { components: specs, settings, .. } = builder;
        let implied = resolve(specs, &builder.absent)?;
        let planned = specs.iter().map(|spec| {
            let mut one = plan_one(spec, settings)?;
            let more = implied.get(&one.id).into_iter().flatten();
            for need in more {
                if !one.needs.contains(need) {
                    one.needs.push(need.clone());
                }
            }
            Ok(one)
        });
        let planned = planned.collect::<Result<Vec<_>, RunError>>()?;
        let order = settings.boot.initialization_order.iter().map(ComponentId::new);
        let hint = OrderHint::new(order.collect::<Result<_, _>>()?);
        let plan = BootPlan::new(planned, &hint)?;
        let root = ActorPath::root(&ChildId::new(ROOT)?);
        let components = root.child(&ChildId::new(COMPONENTS)?);
        let of = |id: &ComponentId| specs.iter().find(|spec| spec.id.as_ref() == Ok(id));
        let ids = plan.start_order().iter();
        let in_order: Vec<_> = ids.filter_map(|id| Some((id, of(id)?))).collect();
        let is_tree = |spec: &ComponentSpec| matches!(spec.kind, Kind::Tree(_));
        let members = in_order.iter().filter_map(|(id, spec)| {
            let planned = plan.component(id)?;
            Some(Member {
                id: (*id).clone(),
                is_tree: is_tree(spec),
                start_within: planned.start_within,
                stop_within: planned.stop_within,
                provides: spec.provides.iter().map(|one| one.key.name).collect(),
                requires: spec.requires.iter().map(|key| key.name).collect(),
            })
        });
        let members = members.collect();
        let checks = in_order.iter().map(|(id, spec)| CheckSpec {
            id: (*id).clone(),
            criticality: spec.criticality,
            is_tree: is_tree(spec),
        });
        let checks = checks.collect();
        let own = [
            ("lifecycle", Phase::Runtime),
            ("emergency", Phase::Runtime),
            ("cleanup", Phase::Runtime),
            ("health", Phase::Supervision),
            ("integration", Phase::Supervision),
        ];
        let own = own.into_iter().map(|(name, phase)| {
            let id = ComponentId::new(name)?;
            let path = root.child(id.as_child());
            Ok((phase, (id, path)))
        });
        let own = own.collect::<Result<_, RunError>>()?;
        Ok(Self { plan, components, own, members, checks })
    }

    /// Returns the longest time that a boot and its rollback may take by their deadlines.
    pub(crate) fn longest_boot(&self) -> Duration {
        let each = self.members.iter();
        // Each component may start, be stopped in vain, and be dropped. The two minutes on top are
        // for the checks of the last phase and for killing: this limit is a backstop for a lost
        // lifecycle, and must never cut a boot that its machine still gives time.
        let each = each.flat_map(|one| [one.start_within, one.stop_within, one.stop_within]);
        total(each.chain([Duration::from_secs(120)]))
    }
}

fn plan_one(spec: &ComponentSpec, settings: &Settings) -> Result<PlannedComponent, RunError> {
    Ok(PlannedComponent {
        id: spec.id.clone()?,
        needs: spec.needs.iter().cloned().collect::<Result<_, _>>()?,
        phase: spec.phase,
        start_within: spec.start_within.unwrap_or(settings.boot.start_within),
        stop_within: spec.stop_within.unwrap_or(settings.shutdown.stop_within),
    })
}

/// Composes the tree of a service. Nothing of it runs yet.
pub(crate) fn tree(
    builder: &Builder,
    planned: &Planned,
    wiring: &Wiring,
    node: &Node,
) -> Result<SupervisorSpec, RunError> {
    let Builder { settings, .. } = builder;
    let service = ServiceHandle::new(node.clone(), wiring.clone());
    let SupervisionSettings { intensity, heartbeat, .. } = settings.supervision;
    let root = SupervisorSpec::one_for_one(ROOT)
        .intensity(intensity.max_restarts, intensity.period)
        .heartbeats(heartbeat);
    let root = match &builder.observer {
        Some(observer) => root.observer(Arc::clone(observer)),
        None => root,
    };
    let children = [
        lifecycle(builder, planned, wiring),
        health(builder, planned, wiring),
        interactions(builder),
        emergency(settings, wiring),
        cleanup(builder, node),
        ChildSpec::supervisor(components(builder, planned, wiring, &service)?),
    ];
    Ok(children
        .into_iter()
        .map(|child| child.backoff(RESTART_BACKOFF))
        .fold(root, SupervisorSpec::child))
}

fn lifecycle(builder: &Builder, planned: &Planned, wiring: &Wiring) -> ChildSpec {
    let args = Arc::new(LifecycleArgs {
        wiring: wiring.clone(),
        plan: planned.plan.clone(),
        members: planned.members.clone(),
        boot: builder.settings.boot.clone(),
        shutdown: builder.settings.shutdown.clone(),
        store: builder.store.clone(),
        reloads: builder.components.iter().filter_map(reload_of).collect(),
    });
    let make = move || LifecycleActor::new(Arc::clone(&args));
    // On a thread of its own: a component that blocks its thread must not delay the shutdown.
    ChildSpec::inspectable("lifecycle", make, LifecycleActor::view).placement(Placement::Dedicated)
}

fn reload_of(spec: &ComponentSpec) -> Option<(ComponentId, ReloadHook)> {
    Some((spec.id.clone().ok()?, spec.reload.clone()?))
}

fn health(builder: &Builder, planned: &Planned, wiring: &Wiring) -> ChildSpec {
    let args = HealthArgs {
        paths: builder.paths.clone(),
        calls: builder.calls.clone(),
        wiring: wiring.clone(),
        checks: planned.checks.clone(),
    };
    let make = move || HealthActor::new(args.clone());
    // On a thread of its own: probes must be answered while a component blocks its thread.
    ChildSpec::inspectable("health", make, HealthActor::view).placement(Placement::Dedicated)
}

fn interactions(builder: &Builder) -> ChildSpec {
    let args = InteractionsArgs {
        calls: builder.calls.clone(),
        observer: builder.interaction_observer.clone(),
    };
    let make = move || InteractionsActor::new(args.clone());
    // On a thread of its own: it must answer while a component blocks its thread, and an observer
    // that blocks must not stop the supervisors.
    ChildSpec::inspectable("integration", make, InteractionsActor::view)
        .mailbox(MailboxSpec::bounded(MAILBOX))
        .placement(Placement::Dedicated)
}

fn emergency(settings: &Settings, wiring: &Wiring) -> ChildSpec {
    let args = EmergencyArgs { settings: settings.emergency.clone(), wiring: wiring.clone() };
    let make = move || EmergencyActor::new(args.clone());
    // On a thread of its own, as the others: it counts the errors of components that may block.
    ChildSpec::inspectable("emergency", make, EmergencyActor::view).placement(Placement::Dedicated)
}

fn cleanup(builder: &Builder, node: &Node) -> ChildSpec {
    let args = CleanupArgs {
        handlers: builder.cleanup.clone(),
        each: builder.settings.shutdown.cleanup_within,
        node: node.clone(),
    };
    let make = move || CleanupActor::new(args.clone());
    // On an ordinary arbiter: the handlers themselves run on blocking threads.
    ChildSpec::inspectable("cleanup", make, CleanupActor::view)
}

fn components(
    builder: &Builder,
    planned: &Planned,
    wiring: &Wiring,
    service: &ServiceHandle,
) -> Result<SupervisorSpec, RunError> {
    let SupervisionSettings { strategy, intensity, heartbeat } = builder.settings.supervision;
    let supervisor = SupervisorSpec::new(COMPONENTS, strategy)
        .intensity(intensity.max_restarts, intensity.period);
    let given = Dependencies::of(&builder.components);
    planned.members.iter().try_fold(supervisor, |supervisor, member| {
        let spec = builder.components.iter().find(|spec| spec.id.as_ref() == Ok(&member.id));
        let Some(spec) = spec else { return Ok(supervisor) };
        let scope = given.scope(spec, &member.id);
        let context = TreeContext { scope, service: service.clone() };
        Ok(supervisor.child(component(spec, member, wiring, context, heartbeat)?))
    })
}

fn component(
    spec: &ComponentSpec,
    member: &Member,
    wiring: &Wiring,
    context: TreeContext,
    heartbeat: Heartbeat,
) -> Result<ChildSpec, RunError> {
    let child = match &spec.kind {
        Kind::Hosted(make) => {
            let (make, wiring) = (Arc::clone(make), wiring.clone());
            let args = HostArgs { scope: context.scope, make, wiring, beat: heartbeat.every };
            ChildSpec::agent::<ComponentHost>(member.id.as_str(), args)
        }
        Kind::Tree(make) => {
            let (id, wiring) = (member.id.clone(), wiring.clone());
            let made = make(&context).map_err(|source| ServiceStartError::Compose {
                component: member.id.clone(),
                source,
            })?;
            // The tree is in its place from the start, but must not start before its turn in the
            // boot, nor be restarted once the shutdown has stopped it.
            let supervisor = made.only_if(move || wiring.wants(&id));
            ChildSpec::supervisor(supervisor)
        }
    };
    Ok(child
        .backoff(RESTART_BACKOFF)
        .start_timeout(Some(member.start_within))
        .shutdown(Shutdown::Timeout(member.stop_within)))
}

/// Finds the service's own actors in a running tree, and connects the wiring to them.
pub(crate) async fn connect(
    node: &Node,
    root: &SupervisorRef,
    wiring: &Wiring,
) -> Result<(), SupervisorError> {
    let handles = Handles {
        node: node.clone(),
        root: root.clone(),
        components: root.supervisor(COMPONENTS).await?,
        lifecycle: (&root.get::<LifecycleActor>("lifecycle").await?).into(),
        health: (&root.get::<HealthActor>("health").await?).into(),
        interactions: (&root.get::<InteractionsActor>("integration").await?).into(),
        cleanup: root.get("cleanup").await?,
        emergency: root.get::<EmergencyActor>("emergency").await?.port(),
    };
    wiring.connect(handles);
    Ok(())
}

/// Returns the error of a boot whose tree lacks an actor of the service.
pub(crate) fn lost(error: &SupervisorError) -> crate::service::boot::BootstrapError {
    crate::service::boot::BootstrapError::Lost(ms_core::ErrorChain::from_error(error).to_string())
}
