//! A service as the main thing of a process.
//!
//! The loop is that of a bare node (`node/process.rs`). A service adds that SIGHUP reloads, what
//! its emergencies are, and what its node does on its own thread: boot, serve, shut down.

use std::future::{Future, pending, ready};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::process::{ExitCode, Termination};
use std::sync::Arc;

use ms_actor::{DebugError, Node};
use ms_supervisor::Heartbeat;
use tokio::sync::mpsc;

use super::Raised;
use super::boot::{ShutdownReason, ShutdownSummary};
use super::builder::Builder;
use super::cleanup::in_order;
use super::emergency::{EmergencySummary, Plan, carry_out};
use super::logic::emergency::EmergencyReason;
use super::preflight::PreFlightReport;
use super::wiring::Wiring;
use crate::node::{
    Emergencies, EmergencyCause, Hangup, MainResult, NodeOutcome, Order, Orders, Outcome,
    ProcessRules, RunEnd, RunError, Runtime, UpTo, run_process, while_up,
};

/// The end of a service.
#[derive(Debug)]
#[must_use = "the end of the service decides the exit code"]
pub struct ServiceEnd {
    /// How its tree ended.
    pub outcome: Outcome,
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
            None => self.outcome.code(),
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

type Shutdown = Option<Arc<ShutdownSummary>>;

impl Builder {
    /// Runs the service until a signal, its own end or an emergency ends it. Blocks; call
    /// it from `main`, and return its exit code from there.
    ///
    /// SIGTERM, SIGINT and SIGQUIT shut it down in order, a boot under way included; a
    /// second one kills what is left. SIGHUP has components reload.
    ///
    /// # Errors
    /// [`RunError`], each with its exit code; what had started was stopped again.
    pub fn run(self) -> Result<ServiceEnd, RunError> {
        self.run_with(async |_| pending().await)
    }

    /// As [`Builder::run`], with a future beside the service, on the node's own thread, once
    /// it is ready: for a job, which has an end of its own. The end of the future shuts the
    /// service down in order. It is dropped when something else ends the service first.
    ///
    /// # Errors
    /// As [`Builder::run`], and [`RunError::Main`] when the future fails.
    pub fn run_with(
        self,
        main: impl AsyncFnOnce(&Runtime) -> MainResult + Send + 'static,
    ) -> Result<ServiceEnd, RunError> {
        run(self, main)
    }
}

fn run(
    builder: Builder,
    main: impl AsyncFnOnce(&Runtime) -> MainResult + Send + 'static,
) -> Result<ServiceEnd, RunError> {
    // Wrong plans and settings first, then the surroundings, then everything else.
    builder.plan()?;
    let preflight = builder.check()?;
    let (wiring, raised) = Wiring::new(builder.settings.health);
    let shutdown = &builder.settings.shutdown;
    let rules = ProcessRules {
        hangup: Hangup::Reloads,
        stop_within: shutdown.grace,
        hurry_within: shutdown.forced_within,
        emergency_within: Some(builder.settings.emergency.limit),
    };
    let plan = Plan {
        settings: builder.settings.emergency.clone(),
        procedures: builder.procedures.clone(),
        cleanup: in_order(builder.cleanup.clone()),
        cleanup_within: shutdown.cleanup_within,
        wiring: wiring.clone(),
        node: builder.settings.run.node.name.clone(),
    };
    let heartbeat = builder.settings.supervision.heartbeat;
    let emergencies = Emergencies {
        raised,
        root_hung: Box::pin(root_hung(wiring.clone(), heartbeat)),
        carry_out: Box::new(move |cause, within| carry_out(plan.clone(), reason(cause), within)),
    };
    let node =
        async move |orders: Orders| on_its_thread(builder, preflight, wiring, orders, main).await;
    let outcome = run_process(rules, emergencies, node)?;
    Ok(ServiceEnd {
        outcome: outcome.ended,
        shutdown: outcome.details.flatten(),
        emergency: outcome.emergency,
    })
}

/// The reason that the log, the report and the exit code have.
fn reason(cause: EmergencyCause<EmergencyReason>) -> EmergencyReason {
    match cause {
        EmergencyCause::Raised(reason) => reason,
        EmergencyCause::RootHung(why) | EmergencyCause::RootGaveUp(why) => {
            EmergencyReason::CriticalError(why)
        }
        EmergencyCause::NodePanicked => {
            EmergencyReason::Panic("the node's own thread panicked outside any actor".to_owned())
        }
        EmergencyCause::StoppedTwice(name) => {
            EmergencyReason::ToldTwice(format!("{name} during the shutdown"))
        }
    }
}

/// Resolves when the root supervisor hangs or its thread is blocked: then nobody restarts
/// anything any more, and only another process can help.
async fn root_hung(wiring: Wiring, heartbeat: Heartbeat) -> String {
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

/// What runs on the node's own thread.
async fn on_its_thread(
    builder: Builder,
    preflight: PreFlightReport,
    wiring: Wiring,
    mut orders: Orders,
    main: impl AsyncFnOnce(&Runtime) -> MainResult,
) -> NodeOutcome<Shutdown> {
    let node = Node::boot(builder.settings.run.node.clone())?;
    // Emergencies go to the thread that waits for signals, not to this one.
    let (_, none) = mpsc::channel(1);
    let raised = builder.raise(node, preflight, wiring, none).await?;
    // Files that changed during the boot were perhaps read before: a reload is made up for.
    let mut reload = false;
    let signal = {
        let mut booting = pin!(raised.boot());
        loop {
            tokio::select! {
                booted = &mut booting => break booted.map(|_| None),
                Some(order) = orders.next() => match order {
                    Order::Stop(name) => break Ok(Some(name)),
                    Order::Reload => reload = true,
                    Order::Hurry(_) => {}
                },
            }
        }
    };
    match signal {
        Ok(Some(name)) => Ok(stop(raised, ShutdownReason::Signal(name), &mut orders).await),
        Ok(None) => {
            if reload {
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

/// Runs until a signal stops it, until the tree ends by itself, or until the job is done.
async fn serve(
    raised: Raised,
    orders: &mut Orders,
    main: impl AsyncFnOnce(&Runtime) -> MainResult,
) -> NodeOutcome<Shutdown> {
    let requested = |why: &str| ShutdownReason::Requested(why.to_owned());
    let up_to = while_up(&raised.runtime, orders, main, || raised.reload()).await;
    match up_to {
        UpTo::TreeEnded => {
            // Nobody asked for that, whatever its reason: the tree has no end of its own.
            let ended = raised.runtime.wait().await;
            Ok((Outcome { end: RunEnd::GaveUp, ..ended }, None))
        }
        UpTo::Signal(name) => Ok(stop(raised, ShutdownReason::Signal(name), orders).await),
        UpTo::NobodyListens => Ok(stop(raised, requested("its signal loop is gone"), orders).await),
        UpTo::MainEnded(result) => {
            let stopped = stop(raised, requested("its main future has ended"), orders).await;
            result.map(|()| stopped).map_err(RunError::Main)
        }
        // A bug of code that nobody supervises is an emergency (101), not a way to end a service:
        // the thread ends without a report, and the process sees that.
        UpTo::MainPanicked(panic) => resume_unwind(panic),
    }
}

/// Shuts down in order; a second signal on the way kills what is left.
async fn stop(raised: Raised, reason: ShutdownReason, orders: &mut Orders) -> (Outcome, Shutdown) {
    let (shutdown, hurried) = raised.shut_down_or(reason, orders.stop()).await;
    let now: Pin<Box<dyn Future<Output = ()> + '_>> = match hurried {
        true => Box::pin(ready(())),
        false => Box::pin(orders.stop()),
    };
    let alive = raised.runtime.root().any().is_alive();
    let ended = raised.finish(shutdown.as_deref(), now).await;
    // The tree ended by itself in the middle of it: it gave up.
    let end = if !alive && shutdown.is_none() { RunEnd::GaveUp } else { ended.end };
    (Outcome { end, ..ended }, shutdown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S5.4-08
    #[test]
    fn each_cause_of_an_emergency_has_its_exit_code() {
        let raised = EmergencyReason::SecurityBreach("x".to_owned());
        let causes = [
            (EmergencyCause::Raised(raised), 104),
            (EmergencyCause::RootHung("x".to_owned()), 102),
            (EmergencyCause::RootGaveUp("x".to_owned()), 102),
            (EmergencyCause::NodePanicked, 101),
            (EmergencyCause::StoppedTwice("SIGTERM"), 1),
        ];
        for (cause, code) in causes {
            assert_eq!(reason(cause).exit_code(), code);
        }
    }
}
