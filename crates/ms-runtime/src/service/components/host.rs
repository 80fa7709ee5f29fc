//! The actor that hosts a component.
//!
//! Its first incarnation starts idle, with the rest of the tree, and waits for its turn in the boot
//! ([`Initialize`], [`StartComponent`]). An incarnation after a crash initialises and starts the
//! component by itself, as part of its own start, if the snapshot that the lifecycle publishes says
//! that the component should run.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use ms_actor::StateValue;
use ms_core::health::HealthResult;
use ms_core::{ErrorChain, ExitReason};
use ms_worker::{Agent, Cx, Handles, InitError};

use super::spec::Kept;
use super::{ComponentContext, ComponentFailure, ReloadOutcome, Scope, StateSnapshot};
use crate::service::{ServiceHandle, Wiring};

/// What a host is made of.
#[derive(Clone)]
pub(crate) struct HostArgs {
    pub(crate) scope: Scope,
    pub(crate) make: Arc<dyn Fn() -> Box<dyn Kept> + Send + Sync>,
    pub(crate) wiring: Wiring,
    /// Interval of its heartbeats during work that has a deadline of its own.
    pub(crate) beat: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Initialized,
    Up,
    Stopped,
}

/// Hosts one component.
pub(crate) struct ComponentHost {
    component: Box<dyn Kept>,
    context: ComponentContext,
    stage: Stage,
    beat: Duration,
}

impl ComponentHost {
    async fn initialize(&mut self) -> Result<(), ComponentFailure> {
        if self.stage == Stage::Idle {
            self.component.init(&self.context).await?;
            self.stage = Stage::Initialized;
        }
        Ok(())
    }

    async fn start(&mut self) -> Result<(), ComponentFailure> {
        if self.stage == Stage::Initialized {
            self.component.start(&self.context).await?;
            self.stage = Stage::Up;
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<Option<StateSnapshot>, ComponentFailure> {
        if !matches!(self.stage, Stage::Up | Stage::Initialized) {
            return Ok(None);
        }
        self.stage = Stage::Stopped;
        let snapshot = self.component.stop(&self.context).await?;
        // The id is set here: a component that wrote another's id would overwrite that one's state.
        let component = self.context.id().clone();
        Ok(snapshot.map(|snapshot| StateSnapshot { component, ..snapshot }))
    }
}

impl Agent for ComponentHost {
    type Args = HostArgs;

    async fn init(args: HostArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        let HostArgs { scope, make, wiring, beat } = args;
        let wanted = wiring.wants(scope.id());
        let service = ServiceHandle::new(cx.node().clone(), wiring);
        let context =
            ComponentContext { scope, me: cx.me().any(), life: cx.incarnation(), service };
        let mut host = Self { component: make(), context, stage: Stage::Idle, beat };
        if wanted {
            host.initialize().await.map_err(InitError::Failed)?;
            host.start().await.map_err(InitError::Failed)?;
        }
        Ok(host)
    }

    /// Stops a component that its supervisor ends: the tree goes down, or an operator stopped it.
    // Nobody takes a snapshot here. Only the steps of a shutdown save state; those stop a component
    // by `StopComponent` first, and then this finds nothing left to stop.
    async fn terminate(&mut self, _: &ExitReason, _: &mut Cx<Self>) {
        let component = self.context.id().clone();
        match self.stop().await {
            Ok(None) => {}
            Ok(Some(_)) => {
                tracing::warn!(
                    %component,
                    "a component stopped outside a shutdown: its state was not saved"
                );
            }
            Err(error) => {
                let error = ErrorChain::from_error(&*error);
                tracing::error!(%component, %error, "a component did not stop in an orderly way");
            }
        }
    }

    fn state(&self) -> StateValue {
        StateValue::map([("stage", StateValue::from(format!("{:?}", self.stage)))])
    }
}

impl fmt::Debug for ComponentHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentHost")
            .field("id", self.context.id())
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

macro_rules! host_message {
    ($(#[$doc:meta])* $name:ident => $result:ty, $host:ident => $answer:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name;

        impl Message for $name {
            type Result = $result;
        }

        impl Handles<$name> for ComponentHost {
            async fn on(&mut self, _: $name, cx: &mut Cx<Self>) -> $result {
                let beat = self.beat;
                let $host = self;
                beating(cx, beat, $answer).await
            }
        }
    };
}

host_message! {
    /// Initialises the component; once.
    Initialize => Result<(), ComponentFailure>, host => host.initialize()
}
host_message! {
    /// Starts the component; once.
    StartComponent => Result<(), ComponentFailure>, host => host.start()
}
host_message! {
    /// Stops the component and returns its state; once.
    StopComponent => Result<Option<StateSnapshot>, ComponentFailure>, host => host.stop()
}
/// Asks for the health of the component.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckHealth;

/// Tells the component to take no new work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuiesceWork;

/// Tells the component to reload what may have changed outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReloadComponent;

impl Message for CheckHealth {
    type Result = HealthResult;
}

impl Message for QuiesceWork {
    type Result = ();
}

impl Message for ReloadComponent {
    type Result = Result<ReloadOutcome, ComponentFailure>;
}

impl Handles<CheckHealth> for ComponentHost {
    async fn on(&mut self, _: CheckHealth, cx: &mut Cx<Self>) -> HealthResult {
        match self.stage {
            Stage::Up => {
                let look = self.component.health(&self.context);
                in_time(cx, look).await.unwrap_or(HealthResult::Timeout)
            }
            stage => HealthResult::Unhealthy(format!("not up: {stage:?}").to_lowercase()),
        }
    }
}

impl Handles<QuiesceWork> for ComponentHost {
    async fn on(&mut self, _: QuiesceWork, cx: &mut Cx<Self>) {
        if self.stage == Stage::Up {
            let quiesce = self.component.stop_accepting(&self.context);
            in_time(cx, beating(cx, self.beat, quiesce)).await.unwrap_or_default();
        }
    }
}

impl Handles<ReloadComponent> for ComponentHost {
    async fn on(
        &mut self,
        _: ReloadComponent,
        cx: &mut Cx<Self>,
    ) -> Result<ReloadOutcome, ComponentFailure> {
        if self.stage != Stage::Up {
            return Err("it is not up".into());
        }
        let reload = self.component.reload(&self.context);
        in_time(cx, reload).await.unwrap_or_else(|| Err("it took too long".into()))
    }
}

/// Runs `work` until the asker stops waiting; `None` if that came first.
// The host handles one message at a time. A health check that hangs would block the stop behind it.
async fn in_time<T>(cx: &Cx<ComponentHost>, work: impl Future<Output = T>) -> Option<T> {
    match cx.deadline() {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

/// Sends heartbeats while `work` runs.
// A start may wait 30 s for a database. It has a deadline of its own, and the supervisor must not
// take it for a hang; a blocked thread sends no heartbeat, and is still noticed.
async fn beating<T>(cx: &Cx<ComponentHost>, every: Duration, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(every, &mut work).await {
            Ok(done) => return done,
            Err(_) => cx.heartbeat(),
        }
    }
}
