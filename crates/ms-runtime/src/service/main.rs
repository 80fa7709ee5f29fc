//! A service as the main thing of a process.
//!
//! The calling thread waits for signals, for the node's report and for emergencies, and
//! does nothing else, so that it can always end the run. The node lives on a thread of
//! its own.

use std::future::Future;
use std::pin::pin;
use std::process::{ExitCode, Termination};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::logic::emergency::EmergencyReason;
use ms_actor::{DebugError, Node};
use ms_core::ExitReason;
use ms_core::time::{later, part};
use ms_supervisor::Heartbeat;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::Raised;
use super::builder::Builder;
use super::wiring::Wiring;
use crate::cleanup::in_order;
use crate::emergency::{EmergencySummary, Plan, carry_out};
use crate::lifecycle::{ShutdownReason, ShutdownSummary};
use crate::outcome::{Ended, How, RunError};
use crate::preflight::PreFlightReport;
use crate::run::MainResult;
use crate::runtime::Runtime;
use crate::signals::{Asked, Signals};

/// The end of a service.
#[derive(Debug)]
#[must_use = "the end of the service decides the exit code"]
pub struct ServiceEnd {
    /// How its tree ended.
    pub ended: Ended,
    /// How its shutdown went, if it came to one that could report.
    pub shutdown: Option<Arc<ShutdownSummary>>,
    /// The emergency it ended in, if it did.
    pub emergency: Option<EmergencySummary>,
}

impl ServiceEnd {
    /// The number of its exit code: that of its emergency (101 to 104, or 1 for a second
    /// signal), else that of its tree.
    #[must_use]
    pub fn code(&self) -> u8 {
        match &self.emergency {
            Some(emergency) => emergency.reason.exit_code(),
            None => self.ended.code(),
        }
    }

    /// Its exit code, for `main` to return.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.code().into()
    }
}

impl Termination for ServiceEnd {
    fn report(self) -> ExitCode {
        self.exit_code()
    }
}

/// What the signals' thread tells the node's.
#[derive(Debug, Clone, Copy)]
enum Order {
    Stop(&'static str),
    Hurry(&'static str),
    Reload,
}

/// Orders that may wait: more signals than that say nothing new.
const ORDERS: usize = 16;

type Outcome = Result<(Ended, Option<Arc<ShutdownSummary>>), RunError>;

pub(super) fn run(
    builder: Builder,
    main: impl AsyncFnOnce(&Runtime) -> MainResult + Send + 'static,
) -> Result<ServiceEnd, RunError> {
    let setup = |what| move |source| RunError::Setup { what, source };
    // Wrong plans and settings first, then the surroundings, then everything else.
    builder.plan()?;
    let preflight = builder.check()?;
    let here = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let here = here.map_err(setup("the signal loop"))?;
    let (wiring, emergencies) = Wiring::new(builder.settings.health);
    let plan = Plan {
        settings: builder.settings.emergency.clone(),
        procedures: builder.procedures.clone(),
        cleanup: in_order(builder.cleanup.clone()),
        cleanup_within: builder.settings.shutdown.cleanup_within,
        wiring: wiring.clone(),
        node: builder.settings.run.node.name.clone(),
    };
    here.block_on(async {
        let signals = Signals::take().map_err(setup("a signal handler"))?;
        let (tell, orders) = mpsc::channel(ORDERS);
        let (report, reported) = oneshot::channel();
        let shutdown = builder.settings.shutdown.clone();
        let heartbeat = builder.settings.supervision.heartbeat;
        let node = move || {
            let system = actix_rt::System::new();
            let outcome = system.block_on(node_side(builder, preflight, wiring, orders, main));
            // Before the system is dropped: that may wait for blocking tasks without end.
            drop(report.send(outcome));
        };
        // Not joined: it ends with the process, should anything block it.
        let thread = thread::Builder::new().name("ms-node".to_owned()).spawn(node);
        drop(thread.map_err(setup("the node's thread"))?);
        let limits = Limits { stop: shutdown.grace, hurry: shutdown.forced_within, heartbeat };
        watch(plan, signals, tell, reported, emergencies, limits).await
    })
}

/// How long the watching thread waits for others.
#[derive(Debug, Clone, Copy)]
struct Limits {
    stop: Duration,
    hurry: Duration,
    /// When the root supervisor is found hung: nobody else watches it.
    heartbeat: Heartbeat,
}

/// Resolves when the root supervisor hangs or its thread is blocked: then nobody restarts
/// anything any more, and only another process can help.
async fn root_hung(wiring: &Wiring, heartbeat: Heartbeat) -> String {
    let mut missed = 0;
    // One more than others may miss: this thread may be the first to run after a standstill
    // of the whole process.
    while missed <= heartbeat.missed {
        tokio::time::sleep(heartbeat.every).await;
        let Some(handles) = wiring.handles() else { continue };
        let root = handles.root.any();
        let answer = root.ask_status(heartbeat.every).await;
        let silent = root.silent_for().unwrap_or_default();
        let hung = matches!(answer, Err(DebugError::Unresponsive { .. }));
        missed = if hung || silent > heartbeat.every { missed + 1 } else { 0 };
    }
    format!("the root supervisor hangs: it missed {missed} heartbeats of {:?}", heartbeat.every)
}

/// Waits for whatever ends the run.
async fn watch(
    plan: Plan,
    mut signals: Signals,
    tell: mpsc::Sender<Order>,
    reported: oneshot::Receiver<Outcome>,
    mut emergencies: mpsc::Receiver<EmergencyReason>,
    limits: Limits,
) -> Result<ServiceEnd, RunError> {
    let Limits { stop: stops_within, hurry: hurried_within, heartbeat } = limits;
    let wiring = plan.wiring.clone();
    let mut root_hung = pin!(root_hung(&wiring, heartbeat));
    let mut reported = pin!(reported);
    let mut stopping = false;
    let mut forced = None;
    let mut give_up = Instant::now();
    loop {
        let order = tokio::select! {
            outcome = &mut reported => return settle(plan, outcome, forced),
            Some(reason) = emergencies.recv(), if forced.is_none() => {
                return Ok(emergency(plan, reason));
            }
            why = &mut root_hung, if !stopping => {
                return Ok(emergency(plan, EmergencyReason::CriticalError(why)));
            }
            asked = signals.next() => match asked {
                Asked::Stop(name) if !stopping => Order::Stop(name),
                Asked::Stop(name) if forced.is_none() => Order::Hurry(name),
                // It cannot be hurried more.
                Asked::Stop(_) => continue,
                Asked::Hangup => Order::Reload,
            },
            () = sleep_until(give_up), if stopping => {
                tracing::error!("the node's own thread is blocked: leaving it behind");
                return Ok(ServiceEnd { ended: abandoned(), shutdown: None, emergency: forced });
            }
        };
        tracing::info!(?order, "a signal");
        match order {
            Order::Stop(_) => {
                stopping = true;
                give_up = later(Instant::now(), stops_within);
            }
            Order::Hurry(name) => {
                give_up = later(Instant::now(), hurried_within);
                // While what did not stop is still there to be seen in the report.
                let reason = EmergencyReason::ToldTwice(format!("{name} during the shutdown"));
                let limit = plan.settings.limit.min(part(hurried_within, 2));
                forced = Some(carry_out(plan.clone(), reason, limit));
            }
            Order::Reload => {}
        }
        // A node that has reported meanwhile, or has orders enough, needs no more.
        let _ = tell.try_send(order);
    }
}

fn abandoned() -> Ended {
    Ended { how: How::Forced, reason: ExitReason::Killed, stuck_threads: 1 }
}

/// What the node's thread came to; no answer is a panic of it.
fn settle(
    plan: Plan,
    outcome: Result<Outcome, oneshot::error::RecvError>,
    forced: Option<EmergencySummary>,
) -> Result<ServiceEnd, RunError> {
    let (ended, shutdown) = match outcome {
        Ok(outcome) => outcome?,
        Err(_) => {
            let reason = "the node's own thread panicked outside any actor".to_owned();
            return Ok(emergency(plan, EmergencyReason::Panic(reason)));
        }
    };
    if ended.how != How::GaveUp || forced.is_some() {
        return Ok(ServiceEnd { ended, shutdown, emergency: forced });
    }
    let reason = EmergencyReason::CriticalError(ended.to_string());
    let limit = plan.settings.limit;
    let emergency = Some(carry_out(plan, reason, limit));
    Ok(ServiceEnd { ended, shutdown, emergency })
}

fn emergency(plan: Plan, reason: EmergencyReason) -> ServiceEnd {
    let limit = plan.settings.limit;
    let emergency = Some(carry_out(plan, reason, limit));
    ServiceEnd { ended: abandoned(), shutdown: None, emergency }
}

/// What runs on the node's own thread.
async fn node_side(
    builder: Builder,
    preflight: PreFlightReport,
    wiring: Wiring,
    mut orders: mpsc::Receiver<Order>,
    main: impl AsyncFnOnce(&Runtime) -> MainResult,
) -> Outcome {
    let node = Node::boot(builder.settings.run.node.clone())?;
    // Emergencies are heard by the thread that waits for signals.
    let (_, none) = mpsc::channel(1);
    let raised = builder.raise(node, preflight, wiring, none).await?;
    // What changed on the way up was perhaps read before: it is not forgotten.
    let mut reloads = false;
    let told = {
        let mut booting = pin!(raised.boot());
        loop {
            tokio::select! {
                booted = &mut booting => break booted.map(|_| None),
                order = orders.recv() => match order {
                    Some(Order::Stop(name)) => break Ok(Some(name)),
                    Some(Order::Reload) => reloads = true,
                    Some(Order::Hurry(_)) | None => {}
                },
            }
        }
    };
    match told {
        Ok(Some(name)) => Ok(stop(raised, ShutdownReason::Signal(name), &mut orders).await),
        Ok(None) => {
            if reloads {
                raised.reload();
            }
            serve(raised, &mut orders, main).await
        }
        Err(error) => {
            // How it was undone is in the log; why it had to be, decides.
            let _ = stop(raised, ShutdownReason::BootFailed, &mut orders).await;
            Err(error.into())
        }
    }
}

/// What ended the time in which the service was up.
enum Over {
    Tree,
    Told(ShutdownReason),
    Main(MainResult),
}

/// Runs until told to stop, until the tree ends by itself, or until the job is done.
async fn serve(
    raised: Raised,
    orders: &mut mpsc::Receiver<Order>,
    main: impl AsyncFnOnce(&Runtime) -> MainResult,
) -> Outcome {
    let over = {
        let mut main = pin!(main(&raised.runtime));
        loop {
            tokio::select! {
                biased;
                _ = raised.runtime.tree_ended() => break Over::Tree,
                order = orders.recv() => match order {
                    Some(Order::Stop(name)) => break Over::Told(ShutdownReason::Signal(name)),
                    Some(Order::Reload) => raised.reload(),
                    Some(Order::Hurry(_)) => {}
                    None => {
                        let gone = "its signal loop is gone".to_owned();
                        break Over::Told(ShutdownReason::Requested(gone));
                    }
                },
                result = &mut main => break Over::Main(result),
            }
        }
    };
    match over {
        Over::Tree => {
            // Nobody asked for that, whatever its reason: the tree has no end of its own.
            let ended = raised.runtime.wait().await;
            Ok((Ended { how: How::GaveUp, ..ended }, None))
        }
        Over::Told(reason) => Ok(stop(raised, reason, orders).await),
        Over::Main(result) => {
            let reason = ShutdownReason::Requested("its main future has ended".to_owned());
            let stopped = stop(raised, reason, orders).await;
            result.map(|()| stopped).map_err(RunError::Main)
        }
    }
}

/// Shuts down in order; a second signal on the way kills what is left.
async fn stop(
    raised: Raised,
    reason: ShutdownReason,
    orders: &mut mpsc::Receiver<Order>,
) -> (Ended, Option<Arc<ShutdownSummary>>) {
    let (shutdown, hurried) = raised.shut_down_or(reason, told_again(orders)).await;
    let now: std::pin::Pin<Box<dyn Future<Output = ()> + '_>> = match hurried {
        true => Box::pin(std::future::ready(())),
        false => Box::pin(told_again(orders)),
    };
    let alive = raised.runtime.root().any().is_alive();
    let ended = raised.finish(shutdown.as_deref(), now).await;
    // The tree ended by itself in the middle of it: it gave up.
    let how = if !alive && shutdown.is_none() { How::GaveUp } else { ended.how };
    (Ended { how, ..ended }, shutdown)
}

async fn told_again(orders: &mut mpsc::Receiver<Order>) {
    loop {
        match orders.recv().await {
            Some(Order::Hurry(_) | Order::Stop(_)) => return,
            Some(Order::Reload) => {}
            None => std::future::pending().await,
        }
    }
}
