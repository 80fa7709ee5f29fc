//! The operations of this node, each with the method that carries it out.

use ms_core::health::HealthStatus;
use ms_ops::ops::{
    BudgetStops, CancelTask, CountMessages, DryRun, FollowEvents, GetTask, Info, Inject, Inspect,
    Interactions, ListBudgets, ListNames, ListTasks, Lookup, MAX_TREE_FOR, Probe, Ps, RaiseBudget,
    ReadState, Resources, RetryTask, ShowTask, ShowTree, Statistics, SteerActor, SubmitBatch,
    SubmitTask, TaskOutcome, TraceMessages, WalkTree, Why,
};
use ms_ops::{Desk, DeskBuilder, Operation};
use std::sync::atomic::Ordering;

use super::NodeControl;
use super::stream::pass_on;
use crate::service::HealthRef;

/// Provides inspections. Their cost is counted ([`NodeControl::account`]).
macro_rules! looks {
    ($this:ident, $desk:ident, $($op:ident($control:ident, $asked:pat, $request:ident) $work:expr;)*) => {$(
        let control = $this.clone();
        let $desk = $desk.provide::<$op, _>(move |$asked, $request| {
            let $control = control.clone();
            async move {
                // The request sleeps this long on purpose; it costs nothing.
                let idle = $request.takes();
                let work = async { $work };
                $control.account(idle, work).await
            }
        });
    )*};
}

/// Provides everything else. Not counted: `msctl info` shows what looking at a node costs.
macro_rules! changes {
    ($this:ident, $desk:ident, $($op:ident($control:ident, $asked:pat, $request:pat) $work:expr;)*) => {$(
        let control = $this.clone();
        let $desk = $desk.provide::<$op, _>(move |$asked, $request| {
            let $control = control.clone();
            async move { $work }
        });
    )*};
}

impl NodeControl {
    /// Provides what every node can do, with or without a service on it.
    pub(super) fn provide(&self, desk: DeskBuilder) -> DeskBuilder {
        looks! { self, desk,
            ShowTree(node, _, op) node.tree(op).await;
            Ps(node, _, op) node.ps(op).await;
            Inspect(node, _, op) node.inspect(op.path).await;
            ReadState(node, asked, op) node.state(op.path, asked.within).await;
            Why(node, _, op) node.why(op).await;
            Statistics(node, asked, op) node.statistics(op.path, asked.within).await;
            DryRun(node, _, op) node.dry_run(op).await;
            Info(node, _, op) Ok(node.info().await);
            Interactions(node, asked, op) node.interactions(asked.within).await;
            BudgetStops(node, _, op) node.budget_stops(op).await;
            ListBudgets(node, _, op) node.budgets().await;
            Lookup(node, _, op) node.lookup(op);
            ListTasks(node, _, op) node.tasks(op.filter).await;
            ShowTask(node, _, op) node.show_task(op.id).await;
        }
        changes! { self, desk,
            ListNames(node, _, op) Ok(node.names(op).await);
            Resources(node, _, Resources {}) Ok(node.resources());
            GetTask(node, _, op) node.task(op.id).await;
            TaskOutcome(node, _, op) node.task_result(op.id).await;
            CountMessages(node, asked, op) node.count_messages(op, asked.within).await;
            SteerActor(node, _, op) node.steer(op).await;
            Inject(node, _, op) node.inject(op).await;
            RaiseBudget(node, _, op) node.raise_budget(op).await;
            SubmitTask(node, _, op) node.submit_task(*op.task).await;
            SubmitBatch(node, _, op) node.submit_batch(op.tasks).await;
            CancelTask(node, _, op) node.cancel_task(op.id).await;
            RetryTask(node, _, op) node.retry_task(op.id).await;
        }
        self.provide_streams(desk)
    }

    fn provide_streams(&self, desk: DeskBuilder) -> DeskBuilder {
        let [walks, traces, events] = [self.clone(), self.clone(), self.clone()];
        desk.provide_watch::<WalkTree, _>(move |asked, op, sink| {
            let node = walks.clone();
            // The first answer has to come within this time; the rest is for sending the tree.
            let within = asked.within.saturating_sub(MAX_TREE_FOR);
            async move { node.account(std::time::Duration::ZERO, node.walk(op, within, sink)).await }
        })
        .provide_watch::<TraceMessages, _>(move |_, op, sink| {
            let node = traces.clone();
            node.0.streams.fetch_add(1, Ordering::Relaxed);
            async move { node.trace(op, sink).await }
        })
        .provide_watch::<FollowEvents, _>(move |_, op, sink| {
            events.0.streams.fetch_add(1, Ordering::Relaxed);
            let items = events.events(&op);
            async move {
                pass_on(items, sink).await;
                Ok(())
            }
        })
    }

    /// Provides the health probes, which only a service can answer.
    pub(crate) fn provide_health(&self, desk: &Desk, health: HealthRef) {
        // A node has one service. A second one is a bug of this crate and is ignored in release.
        let known = self.0.health.set(health.clone()).is_ok();
        debug_assert!(known, "a second service of one node");
        let provided = desk.provide::<Probe, _>(move |_, Probe { probe }| {
            let health = health.clone();
            async move { Ok(health.answer(probe).await) }
        });
        if let Err(error) = provided {
            tracing::error!(%error, "the health of the service is not provided");
        }
    }

    pub(super) async fn health_of(
        &self,
        actors: &[ms_core::ActorPath],
    ) -> Vec<Option<HealthStatus>> {
        match self.0.health.get() {
            Some(health) => health.of_actors(actors).await,
            None => vec![None; actors.len()],
        }
    }
}
