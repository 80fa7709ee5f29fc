//! A node, its tree and its control endpoint, brought up and down together.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ms_actor::Node;
use ms_control::discover::Places;
use ms_core::ExitReason;
use ms_ops::Desk;
use ms_supervisor::{Root, SupervisorRef, SupervisorSpec, start_root};

use super::config::{ControlEndpoint, RunConfig};
use super::endpoint::Endpoint;
use super::outcome::{Outcome, RunEnd, RunError};
use crate::control::NodeControl;

/// How long a killed root, and then each thread, may take to end.
pub(super) const KILL_GRACE: Duration = Duration::from_secs(1);
/// How long the control endpoint may take to close, requests in progress included.
const CLOSE_WITHIN: Duration = Duration::from_secs(4);

/// A running node with its tree.
///
/// It lives on the actix system of the thread that starts it; [`crate::run`] brings
/// one along and handles signals.
///
/// ```
/// use std::time::Duration;
/// use actix::prelude::*;
/// use ms_runtime::{ControlEndpoint, RunConfig, Runtime};
/// use ms_supervisor::{ChildSpec, SupervisorSpec};
///
/// struct Legacy;
/// impl Actor for Legacy {
///     type Context = Context<Self>;
/// }
///
/// # System::new().block_on(async {
/// let config = RunConfig::new("demo").arbiters(1).control(ControlEndpoint::Off);
/// let tree = SupervisorSpec::one_for_one("root").child(ChildSpec::actor("legacy", || Legacy));
/// let runtime = Runtime::start(config, |_| tree).await?;
/// assert!(runtime.root().get::<Legacy>("legacy").await.is_ok());
/// let ended = runtime.stop(Duration::from_secs(5)).await;
/// assert_eq!(ended.code(), 0);
/// # Ok::<(), ms_runtime::RunError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Runtime {
    node: Node,
    root: Root,
    desk: Desk,
    endpoint: Option<Endpoint>,
}

impl Runtime {
    /// Boots a node, opens its control endpoint and starts the tree that `tree` makes.
    /// Returns when all its children have started.
    ///
    /// The endpoint is opened first, so that a path in use is found before anything starts, and
    /// that a start which takes long can be watched.
    ///
    /// # Errors
    /// [`RunError`]; whatever was started until then has been stopped again.
    pub async fn start(
        config: RunConfig,
        tree: impl FnOnce(&Node) -> SupervisorSpec,
    ) -> Result<Self, RunError> {
        let node = Node::boot(config.node.clone())?;
        Self::start_on(node, config, tree).await
    }

    pub(crate) async fn start_on(
        node: Node,
        config: RunConfig,
        tree: impl FnOnce(&Node) -> SupervisorSpec,
    ) -> Result<Self, RunError> {
        let control = NodeControl::new(node.clone(), config.allow_faults, config.exposed.clone());
        let desk = control.desk();
        Self::start_with(node, config, (control, desk), tree).await
    }

    /// The same, with a desk that was made before.
    pub(crate) async fn start_with(
        node: Node,
        config: RunConfig,
        (control, desk): (NodeControl, Desk),
        tree: impl FnOnce(&Node) -> SupervisorSpec,
    ) -> Result<Self, RunError> {
        let endpoint = match open(&config, &desk, &node).await {
            Ok(endpoint) => endpoint,
            Err(error) => {
                node.halt(KILL_GRACE);
                return Err(error);
            }
        };
        let supervisor = tree(&node);
        match start_root(&node, supervisor).await {
            Ok(root) => {
                control.attach(root.as_supervisor().clone());
                Ok(Self { node, root, desk, endpoint })
            }
            Err(error) => {
                close(endpoint, CLOSE_WITHIN).await;
                node.halt(KILL_GRACE);
                Err(error.into())
            }
        }
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The root supervisor.
    #[must_use]
    pub fn root(&self) -> &SupervisorRef {
        self.root.as_supervisor()
    }

    /// The way to every operation on the node, for further doors and for code of its own.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Where the control endpoint listens, if it does.
    #[must_use]
    pub fn control_path(&self) -> Option<&Path> {
        self.endpoint.as_ref().map(Endpoint::path)
    }

    /// Resolves when the tree has ended, with the root's reason. Clean up with [`Runtime::wait`].
    pub async fn tree_ended(&self) -> ExitReason {
        self.root.ended().await
    }

    /// Waits for the tree to end by itself, then closes the endpoint and halts the node.
    pub async fn wait(self) -> Outcome {
        let reason = self.root.ended().await;
        let end = self.run_end(&reason);
        self.finish(end, reason).await
    }

    /// Stops the tree in reverse start order, then the endpoint and the node. What has
    /// not stopped `within` is killed.
    pub async fn stop(self, within: Duration) -> Outcome {
        self.stop_or(within, std::future::pending()).await
    }

    /// As [`Runtime::stop`]; what is left when `hurry` resolves is killed, whatever time it had.
    pub async fn stop_or(self, within: Duration, hurry: impl Future<Output = ()>) -> Outcome {
        let root = self.root.any();
        let had_ended = !root.is_alive();
        root.stop(ExitReason::Shutdown);
        let reason = tokio::select! {
            reason = self.root.ended() => reason,
            () = tokio::time::sleep(within) => return self.kill().await,
            () = hurry => return self.kill().await,
        };
        let end = match self.run_end(&reason) {
            // Without the order it would still run.
            RunEnd::Completed if !had_ended => RunEnd::Stopped,
            end => end,
        };
        self.finish(end, reason).await
    }

    async fn kill(self) -> Outcome {
        tracing::warn!("the tree did not stop in time: killing it");
        self.root.any().kill();
        let reason = tokio::time::timeout(KILL_GRACE, self.root.ended()).await;
        self.finish(RunEnd::Forced, reason.unwrap_or(ExitReason::Killed)).await
    }

    async fn finish(self, end: RunEnd, reason: ExitReason) -> Outcome {
        // A tree that had to be killed has used its time up: requests under way are not waited for.
        let close_within = if end == RunEnd::Forced { KILL_GRACE } else { CLOSE_WITHIN };
        close(self.endpoint, close_within).await;
        for left in self.node.resources().list() {
            tracing::error!(left, "left open");
        }
        let stuck_threads = self.node.halt(KILL_GRACE);
        Outcome { end, reason, stuck_threads }
    }

    fn run_end(&self, reason: &ExitReason) -> RunEnd {
        match self.root.gave_up() || !reason.is_clean() {
            true => RunEnd::GaveUp,
            false => RunEnd::Completed,
        }
    }
}

async fn open(config: &RunConfig, desk: &Desk, node: &Node) -> Result<Option<Endpoint>, RunError> {
    let Some(path) = place(config)? else { return Ok(None) };
    let (desk, limits) = (desk.clone(), config.limits.clone());
    let endpoint = Endpoint::open(path, desk, limits, node.resources()).await?;
    Ok(Some(endpoint))
}

fn place(config: &RunConfig) -> Result<Option<PathBuf>, RunError> {
    match &config.control {
        ControlEndpoint::Off => Ok(None),
        ControlEndpoint::Path(path) => Ok(Some(path.clone())),
        ControlEndpoint::Default => {
            let path = Places::from_env().socket_of(&config.node.name);
            path.map(Some).map_err(|error| RunError::Place(Box::new(error)))
        }
    }
}

async fn close(endpoint: Option<Endpoint>, within: Duration) {
    let Some(endpoint) = endpoint else { return };
    if tokio::time::timeout(within, endpoint.stop()).await.is_err() {
        tracing::warn!(?within, "the control endpoint did not close in time");
    }
}
