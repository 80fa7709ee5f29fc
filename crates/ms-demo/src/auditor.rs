//! An auditor: audits one file at a time. It may die of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix::Message;
use ms_actor::StateValue;
use ms_audit::{FileOutcome, SourceFile, audit_file};
use ms_worker::{Agent, Cx, Handles, InitError};

use crate::chaos::{BLOCK_FOR, Fault};
use crate::metrics::Measured;
use crate::roster::Roster;

/// A larger file is audited beside the arbiter, which must not stand still for long.
const LARGE: u64 = 1 << 20;
/// How often an auditor that waits for a large file says that it is not hung.
const SIGN_OF_LIFE: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub(crate) struct AuditorArgs {
    pub(crate) roster: Roster,
    pub(crate) pace: Duration,
    /// Panics in earnest on files whose label ends so: for tests.
    pub(crate) poison: Option<Arc<str>>,
}

pub(crate) struct Auditor {
    args: AuditorArgs,
    audited: u64,
}

impl Agent for Auditor {
    type Args = AuditorArgs;

    async fn init(args: AuditorArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        args.roster.enter(|parts| {
            parts.auditors.insert(cx.name().to_owned(), cx.me().clone());
        });
        Ok(Self { args, audited: 0 })
    }

    fn state(&self) -> StateValue {
        StateValue::map([("audited", self.audited.into())])
    }
}

/// Audit this file.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    pub(crate) file: Arc<SourceFile>,
    /// The fault injected into this attempt.
    pub(crate) fault: Option<Fault>,
    /// Set while the audit itself is at work: who dies then, dies of the file.
    pub(crate) scanning: Arc<AtomicBool>,
}

impl Message for Audit {
    type Result = FileOutcome;
}

impl Handles<Audit> for Auditor {
    async fn on(&mut self, audit: Audit, cx: &mut Cx<Self>) -> FileOutcome {
        if !self.args.pace.is_zero() {
            tokio::time::sleep(self.args.pace).await;
        }
        if let Some(fault) = audit.fault {
            suffer(fault, &audit.file.label).await;
        }
        let began = Instant::now();
        let outcome = if audit.file.fingerprint.len > LARGE {
            self.audit_beside(&audit, cx).await
        } else {
            audit.scanning.store(true, Ordering::Release);
            self.audit_poisonable(&audit.file)
        };
        audit.scanning.store(false, Ordering::Release);
        self.audited += 1;
        self.measure(&audit.file, began.elapsed());
        outcome
    }
}

impl Auditor {
    #[allow(clippy::panic, reason = "what the tests ask for")]
    fn audit_poisonable(&self, file: &SourceFile) -> FileOutcome {
        if self.args.poison.as_ref().is_some_and(|poison| file.label.ends_with(&**poison)) {
            panic!("poisoned by {}", file.label);
        }
        audit_file(file)
    }

    fn measure(&self, file: &SourceFile, took: Duration) {
        let metrics = self.args.roster.parts().metrics.clone();
        let measured =
            Measured { file: Arc::clone(&file.label), bytes: file.fingerprint.len, took };
        // A measurement that gets lost is no loss.
        let _ = metrics.map(|metrics| metrics.try_tell(measured));
    }

    /// On a thread for blocking work. Faults of others do not count against the
    /// file meanwhile, only its own panic does, or that it never ends.
    async fn audit_beside(&self, audit: &Audit, cx: &Cx<Self>) -> FileOutcome {
        let file = Arc::clone(&audit.file);
        let mut work = tokio::task::spawn_blocking(move || audit_file(&file));
        loop {
            match tokio::time::timeout(SIGN_OF_LIFE, &mut work).await {
                Err(_) => cx.heartbeat(),
                Ok(Ok(outcome)) => return outcome,
                Ok(Err(died)) => {
                    audit.scanning.store(true, Ordering::Release);
                    std::panic::resume_unwind(died.into_panic());
                }
            }
        }
    }
}

#[allow(clippy::panic, reason = "faults on demand")]
#[allow(clippy::disallowed_methods, reason = "blocking the thread is the fault that was asked for")]
async fn suffer(fault: Fault, label: &str) {
    match fault {
        Fault::Panic => panic!("injected while Audit({label})"),
        Fault::PanicAfterAwait => {
            tokio::task::yield_now().await;
            panic!("injected after an await while Audit({label})");
        }
        Fault::Hang => std::future::pending().await,
        Fault::Block => std::thread::sleep(BLOCK_FOR),
    }
}
