//! The actor `observer`: tells the metrics how the service is, and takes a new log filter over.

use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, WrapFuture};
use ms_actor::Context;
use ms_config::FrameworkConfig;
use ms_core::Incarnation;
use ms_core::health::{HealthStatus, SystemHealthReport};
use ms_core::task::{StoreStats, TaskState};
use ms_core::view::{EventKind, NodeEvent};
use ms_runtime::ServiceHandle;
use ms_runtime::configuration::{ConfigActor, ConfigChanged, ConfigHandle, Refused, Subscribe};
use ms_worker::tasks::TaskClient;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::telemetry::LogFilter;

/// How often health is told to the metrics: sooner than any scrape.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// How often tasks are counted; the store looks at all of them for it.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Pause before another try to find the config actor.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// An actor's first start.
const FIRST: Incarnation = Incarnation(1);
/// The key that is taken over while running.
const LOG_FILTER: &str = "telemetry.log_filter";

/// What an observer looks at.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    pub(crate) service: ServiceHandle,
    pub(crate) tasks: TaskClient,
    pub(crate) config: ConfigHandle<FrameworkConfig>,
    pub(crate) filter: LogFilter,
    /// The filter of the log as this life of the actor knows it.
    pub(crate) in_force: String,
}

impl Observer {
    fn look_at_health(&self, ctx: &mut Context<Self>) {
        if let Some(took) = self.service.boot_took() {
            metrics::gauge!("ms_framework_bootstrap_duration_seconds").set(took.as_secs_f64());
        }
        let health = self.service.health();
        let look = async move { health.ready().await }.into_actor(self);
        ctx.spawn(look.map(|ready, _, _| {
            // Nobody knows: the last word stands, and the readiness probe says so.
            if let Ok(ready) = ready {
                tracing::debug!(ready = ready.ready, "health was looked at");
                metrics::gauge!("ms_framework_ready").set(f64::from(u8::from(ready.ready)));
                tell_health(&ready.report);
            }
        }));
    }

    fn count_tasks(&self, ctx: &mut Context<Self>) {
        let tasks = self.tasks.clone();
        let count = async move { tasks.stats().await }.into_actor(self);
        ctx.spawn(count.map(|stats, _, _| match stats {
            Ok(stats) => tell_tasks(&stats),
            Err(error) => tracing::debug!(%error, "tasks could not be counted"),
        }));
    }

    /// Has changes of the configuration told to this actor.
    fn subscribe(&self, ctx: &mut Context<Self>) {
        let (root, port) = (self.service.root(), ctx.me().port());
        let subscribe = async move {
            let components = root?.supervisor("components").await.ok()?;
            let configuration = components.supervisor("configuration").await.ok()?;
            let watcher =
                configuration.get::<ConfigActor<FrameworkConfig>>("watcher").await.ok()?;
            watcher.ask(Subscribe(port)).await.ok()
        };
        ctx.spawn(subscribe.into_actor(self).map(|done, this, ctx| match done {
            // What changed before is taken over now.
            Some(()) => this.take_filter_over().unwrap_or_else(|error| tracing::warn!("{error}")),
            None => {
                ctx.run_later(TRY_AGAIN, |this, ctx| this.subscribe(ctx));
            }
        }));
    }

    fn take_filter_over(&mut self) -> Result<(), String> {
        let config = self.config.current();
        let wanted = &config.telemetry.log_filter;
        if *wanted != self.in_force {
            self.filter.set(wanted)?;
            self.in_force.clone_from(wanted);
        }
        Ok(())
    }
}

impl Actor for Observer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let node = ctx.node().clone();
        let (_, events) = node.events_since(node.last_event());
        // There from the first scrape on.
        metrics::counter!("ms_framework_task_restarts_total").absolute(0);
        ctx.spawn(count_restarts(events).into_actor(self));
        self.subscribe(ctx);
        self.look_at_health(ctx);
        self.count_tasks(ctx);
        ctx.run_interval(HEALTH_EVERY, |this, ctx| this.look_at_health(ctx));
        ctx.run_interval(COUNT_EVERY, |this, ctx| this.count_tasks(ctx));
    }
}

impl Handler<ConfigChanged> for Observer {
    type Result = Result<(), Refused>;

    fn handle(&mut self, news: ConfigChanged, _: &mut Self::Context) -> Self::Result {
        match news.touches(LOG_FILTER) {
            true => self.take_filter_over().map_err(Refused),
            false => Ok(()),
        }
    }
}

/// One series a status: the one a component has is 1, the others are 0.
fn tell_health(report: &SystemHealthReport) {
    let all = [
        HealthStatus::Healthy,
        HealthStatus::Unknown,
        HealthStatus::Degraded,
        HealthStatus::Unhealthy,
    ];
    for component in &report.components {
        for status in all {
            let is = f64::from(u8::from(component.status == status));
            metrics::gauge!("ms_framework_component_health_status",
                "component" => component.name.clone(), "status" => status.name())
            .set(is);
        }
    }
}

/// All states of every queue, so that one without tasks goes back to 0.
fn tell_tasks(stats: &StoreStats) {
    for (queue, counts) in &stats.tasks {
        for state in TaskState::ALL {
            let count = counts.get(&state).copied().unwrap_or(0);
            // Exact up to 2^53 tasks.
            #[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
            metrics::gauge!("ms_framework_tasks",
                "queue" => queue.to_string(), "state" => state.label())
            .set(count as f64);
        }
    }
    metrics::counter!("ms_framework_store_commits_total").absolute(stats.commits);
}

/// Counts starts that are not the first.
async fn count_restarts(mut events: Receiver<NodeEvent>) {
    loop {
        match events.recv().await {
            Ok(NodeEvent { kind: EventKind::Started { incarnation, .. }, .. }) => {
                if incarnation > FIRST {
                    metrics::counter!("ms_framework_task_restarts_total").increment(1);
                }
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
