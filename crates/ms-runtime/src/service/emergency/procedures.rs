//! Carries out an emergency, on plain threads, within a limit.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use ms_core::time::{later, part};
use ms_core::view::TreeNode;
use ms_supervisor::SupervisorRef;

use super::report::{CrashReport, EmergencyError, ProcedureOutcome};
use crate::service::Wiring;
use crate::service::cleanup::{CleanupHandler, CleanupOutcome, on_threads};
use crate::service::logic::emergency::EmergencyReason;
use crate::service::settings::EmergencySettings;

/// Something to do before the process ends in an emergency.
pub trait EmergencyProcedure: Send + Sync + 'static {
    /// Returns its name, for reports.
    fn name(&self) -> &str;

    /// Carries out the procedure. It runs on a plain thread of its own, beside the others, and may
    /// block. When the time is over the process ends all the same.
    ///
    /// # Errors
    /// Any error; it is put into the report.
    fn execute(&self, reason: &EmergencyReason) -> Result<(), String>;
}

impl<T: EmergencyProcedure + ?Sized> EmergencyProcedure for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn execute(&self, reason: &EmergencyReason) -> Result<(), String> {
        (**self).execute(reason)
    }
}

/// The summary of an emergency.
#[derive(Debug)]
pub struct EmergencySummary {
    /// The reason.
    pub reason: EmergencyReason,
    /// The outcome of each procedure.
    pub procedures: Vec<(String, ProcedureOutcome)>,
    /// The outcome of each cleanup handler that had its turn, in that order.
    pub cleanup: Vec<(String, CleanupOutcome)>,
    /// Resources that were still open at the end.
    pub open: Vec<String>,
    /// The tree at the end, if it could be read.
    pub tree: Option<String>,
    /// The path of the crash report, if one was to be written.
    pub report: Option<Result<std::path::PathBuf, EmergencyError>>,
}

/// The means to carry out an emergency.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) settings: EmergencySettings,
    pub(crate) procedures: Vec<Arc<dyn EmergencyProcedure>>,
    /// In the order in which they run.
    pub(crate) cleanup: Vec<Arc<dyn CleanupHandler>>,
    /// How long one of them may take.
    pub(crate) cleanup_within: Duration,
    pub(crate) wiring: Wiring,
    pub(crate) node: String,
}

/// One part in this many of the limit is kept for writing the report.
const FOR_THE_REPORT: u32 = 5;
/// How long before the end a cleanup handler that hangs is given up, so that it can be named.
const TO_BE_HEARD: Duration = Duration::from_millis(50);
/// Lines of the tree that are kept; a larger tree is cut.
const MAX_TREE_LINES: usize = 2000;

/// Carries out an emergency. Blocks; returns within `limit`, whatever hangs.
pub(crate) fn carry_out(plan: Plan, reason: EmergencyReason, limit: Duration) -> EmergencySummary {
    let code = reason.exit_code();
    tracing::error!(%reason, code, within = ?limit, "EMERGENCY SHUTDOWN INITIATED");
    let until = later(Instant::now(), limit);
    let (results, received) = mpsc::channel();
    let kept = reason.clone();
    let names: Vec<_> = plan.procedures.iter().map(|one| one.name().to_owned()).collect();
    // Even the coordination runs on a thread of its own: writing the report to a disk may hang, and
    // the caller has to come back.
    let work = move || drop(results.send(work(&plan, &kept, until, limit)));
    let started = thread::Builder::new().name("ms-emergency".to_owned()).spawn(work);
    let nothing = |why: &str| {
        tell_report(EmergencySummary {
            reason: reason.clone(),
            procedures: names
                .iter()
                .map(|name| (name.clone(), ProcedureOutcome::TimedOut))
                .collect(),
            cleanup: Vec::new(),
            open: Vec::new(),
            tree: None,
            report: Some(Err(EmergencyError::NotDone { why: why.to_owned() })),
        })
    };
    if let Err(error) = started {
        return nothing(&format!("cannot start a thread for it: {error}"));
    }
    let done = received.recv_timeout(until.saturating_duration_since(Instant::now()));
    done.unwrap_or_else(|_| nothing("the time was over"))
}

/// Logs the path of the crash report, or why there is none.
// The log is the only way for an operator to find the report.
fn tell_report(summary: EmergencySummary) -> EmergencySummary {
    match &summary.report {
        Some(Ok(path)) => tracing::error!(path = %path.display(), "crash report written"),
        Some(Err(error)) => match error.source() {
            Some(cause) => tracing::error!(%error, %cause, "the crash report could not be written"),
            None => tracing::error!(%error, "the crash report could not be written"),
        },
        None => {}
    }
    summary
}

/// What the threads report.
enum Said {
    Procedure(usize, ProcedureOutcome),
    Cleanup(String, CleanupOutcome),
    Tree(Option<String>),
}

fn work(
    plan: &Plan,
    reason: &EmergencyReason,
    until: Instant,
    limit: Duration,
) -> EmergencySummary {
    let by = until.checked_sub(part(limit, FOR_THE_REPORT)).unwrap_or(until);
    let (results, received) = mpsc::channel();
    for (at, procedure) in plan.procedures.iter().enumerate() {
        let (procedure, reason) = (Arc::clone(procedure), reason.clone());
        on_a_thread(&results, move || {
            let done = catch_unwind(AssertUnwindSafe(|| procedure.execute(&reason)));
            Said::Procedure(
                at,
                match done {
                    Ok(Ok(())) => ProcedureOutcome::Done,
                    Ok(Err(why)) => ProcedureOutcome::Failed(why),
                    Err(_) => ProcedureOutcome::Panicked,
                },
            )
        });
    }
    clean_up(plan, &results, by.checked_sub(TO_BE_HEARD).unwrap_or(by));
    let handles = plan.wiring.handles();
    let node = handles.as_ref().map(|handles| handles.node.clone());
    let root = handles.map(|handles| handles.root.clone());
    on_a_thread(&results, move || Said::Tree(root.and_then(|root| dump(root, limit))));
    drop(results);
    let Collected { procedures: outcomes, cleanup, tree } =
        collect(&received, plan.procedures.len(), by);
    let named = plan.procedures.iter().zip(outcomes);
    let procedures: Vec<_> = named.map(|(one, outcome)| (one.name().to_owned(), outcome)).collect();
    for (name, outcome) in &procedures {
        tracing::error!(name, ?outcome, "emergency procedure");
    }
    for (name, outcome) in &cleanup {
        match outcome {
            CleanupOutcome::Success(_) => tracing::info!(handler = name, ?outcome, "cleanup"),
            _ => tracing::error!(handler = name, ?outcome, "a cleanup handler did not succeed"),
        }
    }
    let open = node.map(|node| node.resources().list()).unwrap_or_default();
    for left in &open {
        tracing::error!(left, "resource left open");
    }
    if let Some(tree) = &tree {
        tracing::error!("final state of the tree:\n{tree}");
    }
    let report = plan.settings.reports.as_deref().map(|directory| {
        let cleanup = cleanup.iter().map(|(name, outcome)| (name.clone(), format!("{outcome:?}")));
        CrashReport::new(&plan.node, reason, &procedures, tree.as_deref())
            .with_resources(cleanup.collect(), open.clone())
            .write(directory, plan.settings.keep)
    });
    tell_report(EmergencySummary {
        reason: reason.clone(),
        procedures,
        cleanup,
        open,
        tree,
        report,
    })
}

/// Runs the cleanup handlers one after another, beside the procedures.
fn clean_up(plan: &Plan, results: &Sender<Said>, until: Instant) {
    let (handlers, each, results) = (plan.cleanup.clone(), plan.cleanup_within, results.clone());
    let run = move || {
        on_threads(&handlers, each, until, |name, outcome| {
            // A report after the time is over finds no reader.
            drop(results.send(Said::Cleanup(name, outcome)));
        });
    };
    if let Err(error) = thread::Builder::new().name("ms-emergency".to_owned()).spawn(run) {
        tracing::error!(%error, "cannot start a thread for the cleanup");
    }
}

fn on_a_thread(results: &Sender<Said>, code: impl FnOnce() -> Said + Send + 'static) {
    let results = results.clone();
    let run = move || drop(results.send(code()));
    if let Err(error) = thread::Builder::new().name("ms-emergency".to_owned()).spawn(run) {
        tracing::error!(%error, "cannot start a thread for an emergency procedure");
    }
}

/// What was reported in time.
struct Collected {
    procedures: Vec<ProcedureOutcome>,
    cleanup: Vec<(String, CleanupOutcome)>,
    tree: Option<String>,
}

fn collect(received: &Receiver<Said>, procedures: usize, by: Instant) -> Collected {
    let mut all = Collected {
        procedures: vec![ProcedureOutcome::TimedOut; procedures],
        cleanup: Vec::new(),
        tree: None,
    };
    while let Ok(said) = received.recv_timeout(by.saturating_duration_since(Instant::now())) {
        match said {
            Said::Procedure(at, outcome) => all.procedures[at] = outcome,
            Said::Cleanup(name, outcome) => all.cleanup.push((name, outcome)),
            Said::Tree(dumped) => all.tree = dumped,
        }
    }
    all
}

/// Reads the tree as text, on a plain thread.
// With a runtime of its own: those of the node may be what hangs.
fn dump(root: SupervisorRef, limit: Duration) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    let tree = runtime.block_on(async { root.within(part(limit, 2)).tree(None).await }).ok()?;
    let lines: Vec<_> = tree.walk().take(MAX_TREE_LINES).map(line).collect();
    Some(lines.join("\n"))
}

fn line(node: &TreeNode) -> String {
    let status = &node.status;
    let last = status.last_exit.as_ref().map(|why| format!(" last end: {why}"));
    format!(
        "{} {} {} restarts {}{}",
        status.path,
        status.incarnation,
        status.lifecycle,
        status.restarts,
        last.unwrap_or_default()
    )
}
