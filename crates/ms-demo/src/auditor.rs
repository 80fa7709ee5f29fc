//! An auditor: does one task, which is one file, at a time. A file may kill it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ms_actor::StateValue;
use ms_audit::{FileOutcome, FileReport, Outcome, SourceFile, audit_file};
use ms_core::task::{TaskFailure, TaskView};
use ms_store::SqliteTasks;
use ms_task::{TaskCommand, TaskStore};
use ms_worker::tasks::{Performs, Task, TaskCx};
use ms_worker::{Agent, Cx, InitError};

use crate::board::Board;
use crate::chaos::{BLOCK_FOR, Due, Fault, Faults};
use crate::messages::Measured;
use crate::roster::Roster;
use crate::work;

/// A larger file is audited beside the arbiter, which must not stand still for long.
const LARGE: u64 = 1 << 20;
/// Time between two heartbeats of an auditor that waits.
const SIGN_OF_LIFE: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub(crate) struct AuditorArgs {
    pub(crate) store: SqliteTasks,
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
    pub(crate) faults: Faults,
    pub(crate) pace: Duration,
    /// For tests: panics on files whose label ends with this text, and not as an injected fault.
    pub(crate) poison: Option<Arc<str>>,
}

pub(crate) struct Auditor {
    args: AuditorArgs,
    audited: u64,
}

impl Agent for Auditor {
    type Args = AuditorArgs;

    async fn init(args: AuditorArgs, _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self { args, audited: 0 })
    }

    fn state(&self) -> StateValue {
        StateValue::map([("audited", self.audited.into())])
    }
}

impl Performs for Auditor {
    type Payload = SourceFile;
    type Output = FileReport;

    async fn perform(
        &mut self,
        task: Task<SourceFile>,
        cx: &mut TaskCx<'_, Self>,
    ) -> Result<FileReport, TaskFailure> {
        let (file, view) = (task.payload, task.view);
        let _at_work = self.args.board.at_work(cx.name(), &file.label);
        self.take_time(cx).await;
        if let Some(due) = self.args.faults.next(&file.label, attempt(&view))
            && self.hand_back(&view, due.fault()).await
        {
            suffer(due, &file.label).await;
        }
        let began = Instant::now();
        let FileOutcome { outcome, label, .. } = match file.fingerprint.len > LARGE {
            true => audit_beside(file.clone(), cx).await,
            false => self.audit_poisonable(&file),
        };
        self.audited += 1;
        self.measure(label, file.fingerprint.len, began.elapsed());
        match outcome {
            Outcome::Done(report) => Ok(report),
            Outcome::Quarantined(reason) => Err(work::set_aside(&reason)),
        }
    }
}

impl Auditor {
    /// Pauses as `--pace` asks, so that there is something to see.
    async fn take_time(&self, cx: &Cx<Self>) {
        let mut left = self.args.pace;
        // An auditor that is to stop cuts the pause short.
        while !left.is_zero() && !cx.is_cancelled() {
            let now = left.min(SIGN_OF_LIFE);
            tokio::time::sleep(now).await;
            cx.heartbeat();
            left = left.saturating_sub(now);
        }
    }

    /// Hands the task back, as interrupted, before an injected fault strikes: the file is not to
    /// blame, and the failure of the auditor then comes too late to count. Returns whether that was
    /// written; if not, there is no fault.
    async fn hand_back(&self, view: &TaskView, fault: Fault) -> bool {
        let Some(lease) = view.lease else { return false };
        let why = format!("a fault was injected: {fault}");
        let command = TaskCommand::Interrupt(view.id, lease.token, why);
        matches!(self.args.store.execute(vec![command]).await.as_deref(), Ok([Ok(_)]))
    }

    #[allow(clippy::panic, reason = "what the tests ask for")]
    fn audit_poisonable(&self, file: &SourceFile) -> FileOutcome {
        if self.args.poison.as_ref().is_some_and(|poison| file.label.ends_with(&**poison)) {
            panic!("poisoned by {}", file.label);
        }
        audit_file(file)
    }

    fn measure(&self, file: Arc<str>, bytes: u64, took: Duration) {
        let metrics = self.args.roster.parts().measured.clone();
        // Measurements may be lost: an audit must not wait for the metrics.
        let _ = metrics.map(|metrics| metrics.try_tell(Measured { file, bytes, took }));
    }
}

/// Returns how often the file was assigned before.
fn attempt(view: &TaskView) -> u32 {
    let given = view.lease.map_or(1, |lease| lease.token.0);
    u32::try_from(given.saturating_sub(1)).unwrap_or(u32::MAX)
}

/// Audits on a thread for blocking work. A panic there is passed on to the auditor.
async fn audit_beside(file: SourceFile, cx: &Cx<Auditor>) -> FileOutcome {
    let mut work = tokio::task::spawn_blocking(move || audit_file(&file));
    loop {
        match tokio::time::timeout(SIGN_OF_LIFE, &mut work).await {
            Err(_) => cx.heartbeat(),
            Ok(Ok(outcome)) => return outcome,
            Ok(Err(died)) => std::panic::resume_unwind(died.into_panic()),
        }
    }
}

#[allow(clippy::panic, reason = "faults on demand")]
#[allow(clippy::disallowed_methods, reason = "blocking the thread is the fault that was asked for")]
async fn suffer(due: Due, label: &str) {
    let fault = due.fault();
    if fault == Fault::PanicAfterAwait {
        tokio::task::yield_now().await;
    }
    due.strikes();
    match fault {
        Fault::Panic => panic!("injected while Audit({label})"),
        Fault::PanicAfterAwait => panic!("injected after an await while Audit({label})"),
        Fault::Hang => std::future::pending().await,
        Fault::Block => std::thread::sleep(BLOCK_FOR),
    }
}
