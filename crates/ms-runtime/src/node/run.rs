//! Running a node as the main thing of a process.

use std::pin::pin;
use std::time::Duration;

use ms_actor::Node;
use ms_core::ExitReason;
use ms_supervisor::{StartRootError, SupervisorSpec};

use super::config::RunConfig;
use super::logic::process::{Hangup, ProcessRules};
use super::orders::{Orders, UpTo, while_up};
use super::outcome::{MainResult, Outcome, RunEnd, RunError};
use super::process::{self, Emergencies};
use super::runtime::{KILL_GRACE, Runtime};

/// How much longer than an orderly stop the node's thread may take to report.
const REPORT_GRACE: Duration = Duration::from_secs(8);
/// How long after a second signal the process waits for its node at all.
const HURRY_GRACE: Duration = Duration::from_secs(3);

/// Runs a node until its tree ends or a signal ends it. Blocks; call it from `main`.
///
/// The first SIGINT, SIGTERM, SIGHUP or SIGQUIT stops the tree in order, within
/// [`RunConfig::stop_within`]; what is left then, or at a second signal, is killed. A third
/// one changes nothing.
/// The signals stay taken for the rest of the process. The calling thread does nothing but wait
/// for them and for the node: this returns even when an actor blocks the node's own thread.
///
/// ```no_run
/// use std::process::ExitCode;
/// use ms_runtime::{RunConfig, run};
/// use ms_supervisor::{StartRootError, SupervisorSpec};
///
/// fn main() -> ExitCode {
///     match run(RunConfig::new("shop"), |_| SupervisorSpec::one_for_one("root")) {
///         Ok(ended) => ended.exit_code(),
///         Err(error) => {
///             eprintln!("{error:?}");
///             error.exit_code()
///         }
///     }
/// }
/// ```
///
/// # Errors
/// [`RunError`], each with its exit code.
pub fn run(
    config: RunConfig,
    tree: impl FnOnce(&Node) -> SupervisorSpec + Send + 'static,
) -> Result<Outcome, RunError> {
    run_with(config, tree, async |_| std::future::pending().await)
}

/// As [`run`], with a future beside the tree, on the node's own thread; its end stops
/// the tree in order. It is dropped when a signal or the end of the tree comes first.
///
/// # Errors
/// As [`run`], and [`RunError::Main`] when the future fails.
pub fn run_with(
    config: RunConfig,
    tree: impl FnOnce(&Node) -> SupervisorSpec + Send + 'static,
    main: impl AsyncFnOnce(&Runtime) -> MainResult + Send + 'static,
) -> Result<Outcome, RunError> {
    let rules = ProcessRules {
        hangup: Hangup::Stops,
        stop_within: config.stop_within.saturating_add(REPORT_GRACE),
        hurry_within: HURRY_GRACE,
        emergency_within: None,
    };
    let node = async move |orders: Orders| {
        on_its_thread(config, tree, main, orders).await.map(|ended| (ended, ()))
    };
    Ok(process::run(rules, Emergencies::none(), node)?.ended)
}

/// What runs on the node's own thread.
async fn on_its_thread(
    config: RunConfig,
    tree: impl FnOnce(&Node) -> SupervisorSpec,
    main: impl AsyncFnOnce(&Runtime) -> MainResult,
    mut orders: Orders,
) -> Result<Outcome, RunError> {
    let within = config.stop_within;
    let node = Node::boot(config.node.clone())?;
    let (started, is_to_stop) = {
        let mut starting = pin!(Runtime::start_on(node.clone(), config, tree));
        tokio::select! {
            started = &mut starting => (started, false),
            () = orders.stop() => tokio::select! {
                // A start cannot be called off in order: it is awaited, and undone.
                started = &mut starting => (started, true),
                () = tokio::time::sleep(within) => return Ok(never_started(&node)),
                () = orders.stop() => return Ok(never_started(&node)),
            },
        }
    };
    let runtime = match started {
        Ok(runtime) => runtime,
        // A job that was done before the last child had started.
        Err(RunError::Tree(StartRootError::Failed(
            reason @ (ExitReason::Normal | ExitReason::Shutdown | ExitReason::ShutdownWith(_)),
        ))) => return Ok(Outcome { end: RunEnd::Completed, reason, stuck_threads: 0 }),
        Err(error) => return Err(error),
    };
    if is_to_stop {
        return Ok(runtime.stop_or(within, orders.stop()).await);
    }
    // SIGHUP is a stop here: there is nothing to reload.
    let up_to = while_up(&runtime, &mut orders, main, || ()).await;
    if let UpTo::TreeEnded = up_to {
        return Ok(runtime.wait().await);
    }
    let ended = runtime.stop_or(within, orders.stop()).await;
    match up_to {
        UpTo::TreeEnded | UpTo::Signal(_) | UpTo::NobodyListens => Ok(ended),
        UpTo::MainEnded(done) => done.map(|()| ended).map_err(RunError::Main),
        UpTo::MainPanicked(_) => {
            tracing::error!(%ended, "the program's main future panicked");
            Err(RunError::Panicked)
        }
    }
}

/// The end of a tree that was to stop before it had started, and did not get there.
fn never_started(node: &Node) -> Outcome {
    let stuck_threads = node.halt(KILL_GRACE);
    Outcome { end: RunEnd::Forced, reason: ExitReason::Killed, stuck_threads }
}
