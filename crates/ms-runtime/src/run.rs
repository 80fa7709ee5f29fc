//! Running a node as the main thing of a process: signals, stop, exit code.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use ms_actor::Node;
use ms_core::ExitReason;
use ms_core::time::later;
use ms_supervisor::{StartRootError, SupervisorSpec};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::config::RunConfig;
use crate::outcome::{Ended, How, RunError};
use crate::runtime::Runtime;
use crate::signals::Signals;

/// What the future a program runs beside its tree comes to.
pub type MainResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// How much longer than an orderly stop the node's thread may take to report.
const REPORT_GRACE: Duration = Duration::from_secs(8);
/// How long after a second signal the process waits for its node at all.
const HURRY_GRACE: Duration = Duration::from_secs(3);

/// Runs a node until its tree ends or a signal ends it. Blocks; call it from `main`.
///
/// The first SIGINT, SIGTERM, SIGHUP or SIGQUIT stops the tree in order, within
/// [`RunConfig::stop_within`]; what is left then, or at a second signal, is killed. A third
/// one changes nothing.
/// The signals stay taken for the rest of the process. Both are served on the calling
/// thread, which does nothing else: this returns even when an actor blocks the
/// node's own thread.
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
) -> Result<Ended, RunError> {
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
) -> Result<Ended, RunError> {
    let setup = |what| move |source| RunError::Setup { what, source };
    let here = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let here = here.map_err(setup("the signal loop"))?;
    let within = config.stop_within;
    let (tell, orders) = mpsc::unbounded_channel();
    let (report, reported) = oneshot::channel();
    here.block_on(async move {
        let mut signals = Signals::take().map_err(setup("a signal handler"))?;
        let node = move || {
            let system = actix_rt::System::new();
            let outcome = system.block_on(node_side(config, tree, main, orders));
            // Before the system is dropped: that may wait for blocking tasks without end.
            drop(report.send(outcome));
        };
        let thread = std::thread::Builder::new().name("ms-node".to_owned()).spawn(node);
        // Not joined: it ends with the process, should anything block it.
        drop(thread.map_err(setup("the node's thread"))?);
        let mut reported = pin!(reported);
        let mut told = 0_u32;
        let mut give_up = Instant::now();
        loop {
            tokio::select! {
                outcome = &mut reported => return outcome.unwrap_or(Err(RunError::Panicked)),
                _ = signals.next() => {}
                () = sleep_until(give_up), if told > 0 => return Ok(abandoned()),
            }
            told += 1;
            tracing::info!(told, "told to stop by a signal");
            match told {
                1 => give_up = later(Instant::now(), within.saturating_add(REPORT_GRACE)),
                2 => give_up = later(Instant::now(), HURRY_GRACE),
                // Whoever repeats the second would put the end off, for ever by going on.
                _ => {}
            }
            // A node that has reported meanwhile needs no orders.
            let _ = tell.send(());
        }
    })
}

/// The node's thread does not come back: it is left behind.
fn abandoned() -> Ended {
    tracing::error!("the node's own thread is blocked: leaving it behind");
    Ended { how: How::Forced, reason: ExitReason::Killed, stuck_threads: 1 }
}

/// Why the tree is to be stopped.
enum Cause {
    Order,
    Itself,
    Main(MainResult),
    MainPanicked,
}

/// What runs on the node's own thread. Each order is a signal: stop, then hurry.
async fn node_side(
    config: RunConfig,
    tree: impl FnOnce(&Node) -> SupervisorSpec,
    main: impl AsyncFnOnce(&Runtime) -> MainResult,
    mut orders: mpsc::UnboundedReceiver<()>,
) -> Result<Ended, RunError> {
    let within = config.stop_within;
    let node = Node::boot(config.node.clone())?;
    let (runtime, ordered) = {
        let mut starting = pin!(Runtime::start_on(node.clone(), config, tree));
        let (started, ordered) = tokio::select! {
            started = &mut starting => (started, false),
            Some(()) = orders.recv() => tokio::select! {
                // A start cannot be called off in order: it is awaited, and undone.
                started = &mut starting => (started, true),
                () = tokio::time::sleep(within) => return Ok(never_started(&node)),
                Some(()) = orders.recv() => return Ok(never_started(&node)),
            },
        };
        match started {
            Ok(runtime) => (runtime, ordered),
            // A job that was done before the last child had started.
            Err(RunError::Tree(StartRootError::Failed(
                reason @ (ExitReason::Normal | ExitReason::Shutdown | ExitReason::ShutdownWith(_)),
            ))) => return Ok(Ended { how: How::Completed, reason, stuck_threads: 0 }),
            Err(error) => return Err(error),
        }
    };
    let cause = if ordered {
        Cause::Order
    } else {
        tokio::select! {
            biased;
            _ = runtime.tree_ended() => Cause::Itself,
            Some(()) = orders.recv() => Cause::Order,
            done = AssertUnwindSafe(main(&runtime)).catch_unwind() => done.map_or(Cause::MainPanicked, Cause::Main),
        }
    };
    let hurry = async {
        if orders.recv().await.is_none() {
            std::future::pending().await
        }
    };
    match cause {
        Cause::Itself => Ok(runtime.wait().await),
        Cause::Order => Ok(runtime.stop_or(within, hurry).await),
        Cause::Main(done) => {
            let ended = runtime.stop_or(within, hurry).await;
            done.map_err(RunError::Main)?;
            Ok(ended)
        }
        Cause::MainPanicked => {
            let ended = runtime.stop_or(within, hurry).await;
            tracing::error!(%ended, "the program's main future panicked");
            Err(RunError::Panicked)
        }
    }
}

/// A tree that was told to stop before it had started, and did not get there.
fn never_started(node: &Node) -> Ended {
    let stuck_threads = node.halt(Duration::from_secs(1));
    Ended { how: How::Forced, reason: ExitReason::Killed, stuck_threads }
}
