//! The actor `observer`: tells the metrics how the service is, and takes a new log filter over.

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

use crate::integration;
use crate::lives::{Lives, Seen};
use crate::telemetry::LogFilter;

/// How often health is told to the metrics: sooner than any scrape.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// How often tasks are counted; the store looks at all of them for it.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Pause before another try to find the config actor.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// Actors that were started first, and again; lives that ended by a fault, and how long any ran.
const SPAWNED: &str = "ms_framework_task_spawned_total";
const RESTARTED: &str = "ms_framework_task_restarts_total";
const FAILED: &str = "ms_framework_task_failures_total";
const RAN: &str = "ms_framework_task_duration_seconds";
/// From the end of a life by a fault (a hung one is ended when it is found) to the next one.
const REPLACED: &str = "ms_framework_task_replacement_seconds";
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
    /// The last event that is in the metrics: a new life goes on behind it.
    pub(crate) events_told: Arc<AtomicU64>,
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

    fn look_at_integration(&self, ctx: &mut Context<Self>) {
        let known = self.service.interactions();
        let look = async move { known.metrics().await }.into_actor(self);
        ctx.spawn(look.map(|now, _, _| match now {
            Ok(now) => integration::tell(&now),
            Err(error) => tracing::debug!(%error, "the last word stands"),
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
        // There from the first scrape on.
        for name in [SPAWNED, RESTARTED, FAILED] {
            metrics::counter!(name).absolute(0);
        }
        let count = count_lives(self.service.clone(), Arc::clone(&self.events_told));
        ctx.spawn(count.into_actor(self));
        self.subscribe(ctx);
        self.look_at_health(ctx);
        self.count_tasks(ctx);
        ctx.run_interval(HEALTH_EVERY, |this, ctx| {
            this.look_at_health(ctx);
            this.look_at_integration(ctx);
        });
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

/// Counts lives of actors, those that began before this was called included.
async fn count_lives(service: ServiceHandle, told: Arc<AtomicU64>) {
    let from = ReadFrom::After(told.load(Ordering::Relaxed));
    let mut events = service.node().events().reader(from);
    let mut lives = Lives::default();
    let tell = |lives: &mut Lives, event: &NodeEvent| {
        tell_life(lives, event);
        told.store(event.seq, Ordering::Relaxed);
    };
    while let Some(entry) = events.try_next() {
        entry.event().iter().for_each(|event| tell(&mut lives, event));
    }
    // Not all of them are told of by an event.
    look_again(&mut lives, &service).await;
    while let Some(entry) = events.next().await {
        match entry {
            Entry::Event(event) => tell(&mut lives, &event),
            Entry::Missed { .. } => look_again(&mut lives, &service).await,
        }
    }
}

fn tell_life(lives: &mut Lives, event: &NodeEvent) {
    match lives.event(event) {
        Some(Seen::Started { again: false, .. }) => metrics::counter!(SPAWNED).increment(1),
        Some(Seen::Started { again: true, away_ms }) => {
            metrics::counter!(RESTARTED).increment(1);
            if let Some(away) = away_ms.map(Duration::from_millis) {
                metrics::histogram!(REPLACED).record(away.as_secs_f64());
            }
        }
        Some(Seen::Ended { failed, ran_ms }) => {
            metrics::counter!(FAILED).increment(u64::from(failed));
            if let Some(ran) = ran_ms.map(Duration::from_millis) {
                metrics::histogram!(RAN).record(ran.as_secs_f64());
            }
        }
        None => return,
    }
    tell_running(lives);
}

fn tell_running(lives: &Lives) {
    // Exact up to 2^32 actors.
    let running = u32::try_from(lives.running()).unwrap_or(u32::MAX);
    metrics::gauge!("ms_framework_task_running").set(f64::from(running));
}

/// Learns from the tree who runs.
async fn look_again(lives: &mut Lives, service: &ServiceHandle) {
    let Some(root) = service.root() else { return };
    match root.tree(None).await {
        Ok(tree) => lives.are(&tree, service.node().now().as_millis()),
        Err(error) => tracing::debug!(%error, "who runs is not known exactly"),
    }
    tell_running(lives);
}
