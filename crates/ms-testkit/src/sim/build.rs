//! Builds specs of the real supervisors from a plan.

use std::sync::Arc;
use std::time::Duration;

use ms_actor::{AnyRef, MailboxSpec, StartError};
use ms_core::{ActorPath, Backoff, ChildExit, ExitReason, Incarnation, Strategy};
use ms_policy::{ReportContext, ReportReason, SupervisorReport};
use ms_registry::Registry;
use ms_router::Router;
use ms_supervisor::{ChildSpec, Heartbeat, Observer, SupervisorSpec};

use super::actors;
use super::script::{ChildOptions, Kind, LeafPlan, Plan, SupPlan, Trick};
use super::world::{Path, World};

/// What a tree is built with.
#[derive(Clone)]
pub(crate) struct Builder {
    pub(crate) world: World,
    pub(crate) registry: Registry,
    pub(crate) router: Router,
}

impl Builder {
    /// Returns the spec of the whole tree.
    pub(crate) fn root(&self, plan: &SupPlan) -> SupervisorSpec {
        let path: Path = Arc::from(format!("/{}", plan.name));
        let observer = Arc::new(Watcher(self.world.clone()));
        self.sup(plan, &path, None).observer(observer)
    }

    fn sup(&self, plan: &SupPlan, path: &Path, parent: Option<&Path>) -> SupervisorSpec {
        let id = &plan.name;
        let at = |child: &Plan| -> Path { Arc::from(format!("{path}/{}", child.name())) };
        let mut supervisor = match (plan.strategy, plan.children.first()) {
            (Strategy::SimpleOneForOne, Some(Plan::Leaf(leaf))) => {
                // Each child gets a plan of its own when it is started. Of the template only the child
                // options count.
                SupervisorSpec::dynamic(
                    id,
                    self.spec(leaf, self.blueprint(leaf, &at(&plan.children[0]))),
                )
            }
            (Strategy::OneForAll, _) => SupervisorSpec::one_for_all(id),
            (Strategy::RestForOne, _) => SupervisorSpec::rest_for_one(id),
            _ => SupervisorSpec::one_for_one(id),
        };
        supervisor = supervisor
            .intensity(plan.max_restarts, Duration::from_secs(plan.period))
            .auto_shutdown(plan.auto);
        let mut spec = Vec::new();
        if plan.strategy != Strategy::SimpleOneForOne {
            for child in &plan.children {
                let child_path = at(child);
                let tracked = !matches!(child, Plan::Leaf(leaf) if !leaf.is_tracked());
                supervisor = supervisor.child(match child {
                    Plan::Leaf(leaf) => self.leaf(leaf, &child_path, path),
                    Plan::Sup(below) => {
                        let child = ChildSpec::supervisor(self.sup(below, &child_path, Some(path)));
                        with_options(child, &below.options)
                    }
                });
                spec.push((child_path, tracked));
            }
        }
        self.world.plan_sup(path, parent, plan, spec);
        let (world, path) = (self.world.clone(), Arc::clone(path));
        supervisor.init(move |me| match world.sup_factory(&path, me) {
            Some(Trick::FactoryIgnores) => Err(StartError::Ignore),
            Some(_) => Err(StartError::Failed(ExitReason::failed("the init callback fails"))),
            None => Ok(None),
        })
    }

    /// Returns the spec of a leaf at `path` below `parent`.
    pub(crate) fn leaf(&self, plan: &LeafPlan, path: &Path, parent: &Path) -> ChildSpec {
        if plan.is_tracked() {
            self.world.plan_leaf(path, parent, plan);
        }
        with_options(self.spec(plan, self.blueprint(plan, path)), &plan.options)
    }

    /// Returns the blueprint of a leaf.
    pub(crate) fn blueprint(&self, plan: &LeafPlan, path: &Path) -> ms_actor::Blueprint {
        let blueprint = match plan.kind {
            Kind::Registry => self.registry.blueprint(),
            Kind::Router => self.router.blueprint(),
            _ => actors::blueprint(&self.world, path, plan),
        };
        blueprint.mailbox(mailbox(plan))
    }

    fn spec(&self, plan: &LeafPlan, blueprint: ms_actor::Blueprint) -> ChildSpec {
        let mut spec = ChildSpec::blueprint(&plan.name, blueprint)
            .start_timeout(Some(Duration::from_millis(plan.start_timeout)));
        if plan.heartbeat {
            spec = spec.heartbeat(Heartbeat { every: Duration::from_millis(250), missed: 4 });
        }
        spec
    }
}

/// Returns the spec of a leaf's mailbox.
fn mailbox(plan: &LeafPlan) -> MailboxSpec {
    MailboxSpec {
        while_down: plan.while_down(),
        keep_on_restart: plan.keep,
        drain_on_stop: plan.drain,
        ..MailboxSpec::bounded(plan.capacity).overflow(plan.overflow.into())
    }
}

fn with_options(spec: ChildSpec, options: &ChildOptions) -> ChildSpec {
    let spec =
        spec.restart(options.restart).shutdown(options.shutdown).significant(options.significant);
    match options.backoff {
        Some((min, max)) => spec.backoff(Backoff {
            min: Duration::from_millis(min),
            max: Duration::from_millis(max),
            jitter: 0.2,
            reset_after: Duration::from_secs(2),
        }),
        None => spec,
    }
}

/// Reports to the record what supervisors do.
struct Watcher(World);

impl Observer for Watcher {
    fn booting(&self, sup: &AnyRef, life: Incarnation) {
        self.0.sup_booting(sup, life);
    }

    fn child_started(&self, sup: &AnyRef, life: Incarnation, child: &ActorPath, _: Incarnation) {
        self.0.sup_reports(sup, life, child.as_str(), "has started");
    }

    fn child_ignored(&self, sup: &AnyRef, life: Incarnation, child: &ActorPath) {
        self.0.sup_reports(sup, life, child.as_str(), "ignored");
    }

    fn child_start_failed(&self, sup: &AnyRef, life: Incarnation, exit: &ChildExit) {
        self.0.sup_reports(sup, life, exit.path().as_str(), "did not start");
    }

    fn child_exited(&self, sup: &AnyRef, life: Incarnation, exit: &ChildExit) {
        self.0.sup_reports(sup, life, exit.path().as_str(), "has ended");
    }

    fn stopping(&self, sup: &AnyRef, life: Incarnation) {
        self.0.sup_stopping(sup, life);
    }

    fn reported(
        &self,
        sup: &AnyRef,
        life: Incarnation,
        _: Option<&ActorPath>,
        report: &SupervisorReport,
    ) {
        let over = report.reason == ReportReason::ReachedMaxRestartIntensity;
        if over && report.context == ReportContext::Shutdown {
            self.0.sup_gives_up(sup, life);
        }
    }

    fn exited(&self, sup: &AnyRef, life: Incarnation, reason: &ExitReason) {
        self.0.sup_ended(sup, life, reason);
    }
}
