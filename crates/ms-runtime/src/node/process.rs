//! The main loop of a process that runs a node: a bare one, or a service.
//!
//! The calling thread waits for signals, for the node's report and for emergencies, and does
//! nothing else, so that it can end the process whatever blocks the node. The node lives on a
//! thread of its own. What each event means is decided in `logic/process.rs`.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::thread;
use std::time::Duration;

use ms_core::ExitReason;
use ms_core::time::{Tick, later};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::logic::process::{
    EmergencyCause, NodeReport, ProcessEffect, ProcessEnd, ProcessEvent, ProcessMachine,
    ProcessRules,
};
use super::orders::{OrderSender, Orders, orders};
use super::outcome::{Outcome, RunEnd, RunError};
use super::signals::Signals;

/// Where emergencies come from, and what is done in one.
///
/// `R` is the reason that somebody gives, `S` the summary of the procedures.
pub(crate) struct Emergencies<R, S> {
    /// Emergencies that some part of the process raised.
    pub(crate) raised: mpsc::Receiver<R>,
    /// Resolves when the root supervisor hangs, with how that was noticed.
    pub(crate) root_hung: Pin<Box<dyn Future<Output = String>>>,
    /// Carries out the procedures within this time. Blocks.
    // It may block the main loop: in an emergency this thread has nothing else left to do.
    pub(crate) carry_out: Box<dyn Fn(EmergencyCause<R>, Duration) -> S>,
}

impl Emergencies<std::convert::Infallible, ()> {
    /// Returns the emergencies of a process that has none.
    pub(super) fn none() -> Self {
        let (_, raised) = mpsc::channel(1);
        Self { raised, root_hung: Box::pin(pending()), carry_out: Box::new(|_, _| ()) }
    }
}

/// The result of the node's thread; `D` is what it reports beside the outcome.
pub(crate) type NodeOutcome<D> = Result<(Outcome, D), RunError>;

/// The result of a process.
pub(crate) struct ProcessOutcome<D, S> {
    pub(crate) ended: Outcome,
    /// What the node reported beside the outcome; `None` if the process did not wait for it.
    pub(crate) details: Option<D>,
    /// The last emergency, if there was one.
    pub(crate) emergency: Option<S>,
}

/// Runs `node` on a thread of its own until it reports, runs out of time, or an emergency ends the
/// process. Blocks the calling thread. The signals stay taken for the rest of the process.
///
/// # Errors
/// Those of the node, and [`RunError::Setup`] and [`RunError::Panicked`] of the process itself.
pub(crate) fn run<R, S, D: Send + 'static>(
    rules: ProcessRules,
    emergencies: Emergencies<R, S>,
    node: impl AsyncFnOnce(Orders) -> NodeOutcome<D> + Send + 'static,
) -> Result<ProcessOutcome<D, S>, RunError> {
    let setup = |what| move |source| RunError::Setup { what, source };
    let here = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let here = here.map_err(setup("the signal loop"))?;
    here.block_on(async {
        // Before the node's thread starts, so that no signal during the start is missed.
        let signals = Signals::take().map_err(setup("a signal handler"))?;
        let (sender, orders) = orders();
        let (report, reported) = oneshot::channel();
        let on_thread = move || {
            let system = actix_rt::System::new();
            let outcome = system.block_on(node(orders));
            // Before the system is dropped: the drop may wait forever for blocking tasks, and the
            // process would take the node for blocked.
            drop(report.send(outcome));
        };
        let thread = thread::Builder::new().name("ms-node".to_owned()).spawn(on_thread);
        // Not joined: a join would wait for whatever blocks it. It ends with the process.
        drop(thread.map_err(setup("the node's thread"))?);
        wait(ProcessMachine::new(rules), emergencies, signals, sender, reported).await
    })
}

/// Feeds the machine until it ends the process.
async fn wait<R, S, D>(
    mut machine: ProcessMachine,
    emergencies: Emergencies<R, S>,
    mut signals: Signals,
    orders: OrderSender,
    reported: oneshot::Receiver<NodeOutcome<D>>,
) -> Result<ProcessOutcome<D, S>, RunError> {
    let Emergencies { mut raised, mut root_hung, carry_out } = emergencies;
    let mut reported = pin!(reported);
    let began = Instant::now();
    let (mut outcome, mut emergency) = (None, None);
    loop {
        let event = tokio::select! {
            report = &mut reported => {
                let event = ProcessEvent::Reported(judge(&report));
                outcome = report.ok();
                event
            }
            Some(reason) = raised.recv() => ProcessEvent::Raised(reason),
            why = &mut root_hung, if machine.watches_root() => ProcessEvent::RootHung(why),
            signal = signals.next() => {
                tracing::info!(?signal, "signal received");
                ProcessEvent::Signal(signal)
            }
            () = elapsed(began, machine.next_deadline()) => ProcessEvent::Elapsed,
        };
        for effect in machine.handle(Tick::ZERO + began.elapsed(), event) {
            match effect {
                ProcessEffect::Order(order) => orders.give(order),
                ProcessEffect::Emergency(cause, within) => {
                    emergency = Some(carry_out(cause, within));
                }
                ProcessEffect::End(end) => {
                    let (ended, details) = conclude(end, outcome)?;
                    return Ok(ProcessOutcome { ended, details, emergency });
                }
            }
        }
    }
}

async fn elapsed(began: Instant, deadline: Option<Tick>) {
    match deadline {
        Some(due) => sleep_until(later(began, due.since(Tick::ZERO))).await,
        None => pending().await,
    }
}

/// Translates a report, or its absence, for the machine.
fn judge<D>(report: &Result<NodeOutcome<D>, oneshot::error::RecvError>) -> NodeReport {
    match report {
        Ok(Ok((ended, _))) if ended.end == RunEnd::GaveUp => NodeReport::GaveUp(ended.to_string()),
        Ok(_) => NodeReport::Finished,
        Err(_) => NodeReport::Panicked,
    }
}

/// Turns the machine's decision and the node's report into the result of the process.
fn conclude<D>(
    end: ProcessEnd,
    outcome: Option<NodeOutcome<D>>,
) -> Result<(Outcome, Option<D>), RunError> {
    match (end, outcome) {
        (ProcessEnd::Reported, Some(outcome)) => {
            let (ended, details) = outcome?;
            return Ok((ended, Some(details)));
        }
        (ProcessEnd::Reported, None) | (ProcessEnd::Panicked, _) => return Err(RunError::Panicked),
        (ProcessEnd::Blocked, _) => {
            tracing::error!("the node's own thread is blocked: exiting without waiting for it");
        }
        (ProcessEnd::LeftBehind, _) => {}
    }
    // The node was left behind, so nobody knows how its tree would have ended. One stuck thread is
    // its own; what else is stuck only it could count.
    Ok((Outcome { end: RunEnd::Forced, reason: ExitReason::Killed, stuck_threads: 1 }, None))
}
