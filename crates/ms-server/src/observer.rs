//! The actor `observer`: keeps the metrics of the service up to date, and applies a new log filter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, WrapFuture};
use ms_actor::{Context, Entry, ReadFrom};
use ms_core::health::HealthStatus;
use ms_core::task::TaskState;
use ms_core::view::NodeEvent;
use ms_runtime::ServiceHandle;
use ms_runtime::configuration::{ConfigActor, ConfigChanged, ConfigHandle, Refused, Subscribe};
use ms_runtime::logic::health::SystemHealthReport;
use ms_runtime::section::FrameworkConfig;
use ms_task::StoreStats;
use ms_worker::tasks::TaskClient;

use crate::interactions;
use crate::lives::{LifeChange, Lives};
use crate::telemetry::LogFilter;

/// Time between two updates of the health metrics: shorter than between any two scrapes.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// Time between two counts of the tasks. Rare, because the store reads all of them for it.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Pause before another try to find the configuration's actor.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// First starts of actors, restarts, lives that ended by a failure, and the length of any life.
const SPAWNED: &str = "ms_framework_task_spawned_total";
const RESTARTED: &str = "ms_framework_task_restarts_total";
const FAILED: &str = "ms_framework_task_failures_total";
const RAN: &str = "ms_framework_task_duration_seconds";
/// From the end of a life by a failure to the next life. A hung actor ends when it is detected.
const REPLACED: &str = "ms_framework_task_replacement_seconds";
/// The key that is applied while running.
const LOG_FILTER: &str = "telemetry.log_filter";

/// The parts of the service that the observer reads.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    pub(crate) service: ServiceHandle,
    pub(crate) tasks: TaskClient,
    pub(crate) config: ConfigHandle<FrameworkConfig>,
    pub(crate) filter: LogFilter,
    /// The log filter that this life of the actor applied last.
    pub(crate) in_force: String,
    /// The last event that is in the metrics; a new life of the actor continues after it.
    pub(crate) last_counted: Arc<AtomicU64>,
}

impl Observer {
    fn record_health(&self, ctx: &mut Context<Self>) {
        if let Some(took) = self.service.boot_took() {
            metrics::gauge!("ms_framework_bootstrap_duration_seconds").set(took.as_secs_f64());
        }
        let health = self.service.health();
        let look = async move { health.ready().await }.into_actor(self);
        ctx.spawn(look.map(|ready, _, _| {
            // Without an answer the gauges keep their last values. The readiness probe fails then,
            // which is the alarm; a gauge that jumps to 0 would only be noise beside it.
            if let Ok(ready) = ready {
                tracing::debug!(ready = ready.ready, "health was read");
                metrics::gauge!("ms_framework_ready").set(f64::from(u8::from(ready.ready)));
                record_report(&ready.report);
            }
        }));
    }

    fn record_interactions(&self, ctx: &mut Context<Self>) {
        let known = self.service.interactions();
        let look = async move { known.metrics().await }.into_actor(self);
        ctx.spawn(look.map(|now, _, _| match now {
            Ok(now) => interactions::record(&now),
            Err(error) => tracing::debug!(%error, "the metrics of interactions keep their values"),
        }));
    }

    fn count_tasks(&self, ctx: &mut Context<Self>) {
        let tasks = self.tasks.clone();
        let count = async move { tasks.stats().await }.into_actor(self);
        ctx.spawn(count.map(|stats, _, _| match stats {
            Ok(stats) => record_tasks(&stats),
            Err(error) => tracing::debug!(%error, "tasks could not be counted"),
        }));
    }

    /// Subscribes this actor to changes of the configuration, and retries until it succeeds.
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
            // Nobody reports a change from before the subscription, so it is looked for now.
            Some(()) => this.apply_filter().unwrap_or_else(|error| tracing::warn!("{error}")),
            None => {
                ctx.run_later(RETRY_AFTER, |this, ctx| this.subscribe(ctx));
            }
        }));
    }

    fn apply_filter(&mut self) -> Result<(), String> {
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
        // The series exist from the first scrape on, so that `rate()` sees the first increase.
        for name in [SPAWNED, RESTARTED, FAILED] {
            metrics::counter!(name).absolute(0);
        }
        let count = count_lives(self.service.clone(), Arc::clone(&self.last_counted));
        ctx.spawn(count.into_actor(self));
        self.subscribe(ctx);
        self.record_health(ctx);
        self.count_tasks(ctx);
        ctx.run_interval(HEALTH_EVERY, |this, ctx| {
            this.record_health(ctx);
            this.record_interactions(ctx);
        });
        ctx.run_interval(COUNT_EVERY, |this, ctx| this.count_tasks(ctx));
    }
}

impl Handler<ConfigChanged> for Observer {
    type Result = Result<(), Refused>;

    fn handle(&mut self, change: ConfigChanged, _: &mut Self::Context) -> Self::Result {
        match change.touches(LOG_FILTER) {
            true => self.apply_filter().map_err(Refused),
            false => Ok(()),
        }
    }
}

/// Sets one series for each status of a component: 1 for the present status, 0 for the others.
fn record_report(report: &SystemHealthReport) {
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

/// Sets the counts of all states of every queue, so that a state without tasks goes back to 0.
fn record_tasks(stats: &StoreStats) {
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

/// Counts lives of actors, including those that began before this was called.
async fn count_lives(service: ServiceHandle, last_counted: Arc<AtomicU64>) {
    let from = ReadFrom::After(last_counted.load(Ordering::Relaxed));
    let mut events = service.node().events().reader(from);
    let mut lives = Lives::default();
    let count = |lives: &mut Lives, event: &NodeEvent| {
        record_life(lives, event);
        last_counted.store(event.seq, Ordering::Relaxed);
    };
    while let Some(entry) = events.try_next() {
        entry.event().iter().for_each(|event| count(&mut lives, event));
    }
    // The log may have dropped the starts of actors that still run; the tree has them all.
    look_again(&mut lives, &service).await;
    while let Some(entry) = events.next().await {
        match entry {
            Entry::Event(event) => count(&mut lives, &event),
            Entry::Missed { .. } => look_again(&mut lives, &service).await,
        }
    }
}

fn record_life(lives: &mut Lives, event: &NodeEvent) {
    match lives.event(event) {
        Some(LifeChange::Began { again: false, .. }) => metrics::counter!(SPAWNED).increment(1),
        Some(LifeChange::Began { again: true, away_ms }) => {
            metrics::counter!(RESTARTED).increment(1);
            if let Some(away) = away_ms.map(Duration::from_millis) {
                metrics::histogram!(REPLACED).record(away.as_secs_f64());
            }
        }
        Some(LifeChange::Over { failed, ran_ms }) => {
            metrics::counter!(FAILED).increment(u64::from(failed));
            if let Some(ran) = ran_ms.map(Duration::from_millis) {
                metrics::histogram!(RAN).record(ran.as_secs_f64());
            }
        }
        None => return,
    }
    record_running(lives);
}

fn record_running(lives: &Lives) {
    // Exact up to 2^32 actors.
    let running = u32::try_from(lives.running()).unwrap_or(u32::MAX);
    metrics::gauge!("ms_framework_task_running").set(f64::from(running));
}

/// Reads from the tree which actors run.
async fn look_again(lives: &mut Lives, service: &ServiceHandle) {
    let Some(root) = service.root() else { return };
    match root.tree(None).await {
        Ok(tree) => lives.replace_by(&tree, service.node().now().as_millis()),
        Err(error) => tracing::debug!(%error, "the count of running actors may be wrong"),
    }
    record_running(lives);
}
