//! The reporter: writes `audit.json` when everything is settled.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ms_audit::{AuditJson, ReportError, RunFacts};
use ms_worker::{Agent, Cx, Handles, InitError};
use tokio::sync::Notify;

use crate::board::Board;
use crate::messages::Finish;
use crate::roster::Roster;

/// The result, and the error if it could not be written.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) json: AuditJson,
    pub(crate) unwritten: Option<ReportError>,
}

/// The place where the result leaves the tree.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox(Arc<(Mutex<Option<Finished>>, Notify)>);

impl Outbox {
    fn put(&self, finished: Finished) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(finished);
        self.0.1.notify_one();
    }

    /// Waits for the result to be there.
    pub(crate) async fn filled(&self) {
        // `notify_one` keeps a permit, so a result that comes before the wait is not missed.
        self.0.1.notified().await;
    }

    pub(crate) fn take(&self) -> Option<Finished> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[derive(Clone)]
pub(crate) struct ReporterArgs {
    pub(crate) out: PathBuf,
    pub(crate) began: Instant,
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
    pub(crate) outbox: Outbox,
}

pub(crate) struct Reporter(ReporterArgs);

impl Agent for Reporter {
    type Args = ReporterArgs;

    async fn init(args: ReporterArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        args.roster.enter(|parts| parts.finish = Some(cx.me().port()));
        Ok(Self(args))
    }
}

impl Handles<Finish> for Reporter {
    async fn on(&mut self, finish: Finish, _: &mut Cx<Self>) {
        let board = &self.0.board;
        let (done, aside) = board.resumed();
        let run = RunFacts {
            input: finish.input,
            resumed: done + aside,
            redelivered: board.redelivered.get(),
            restarts: board.restarts.get(),
            elapsed_ms: u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let json = AuditJson::new(Arc::unwrap_or_clone(finish.report), run);
        // An audit of nothing is a failure, so an earlier report stays.
        let unwritten = (finish.input > 0).then(|| json.write(&self.0.out).err()).flatten();
        self.0.outbox.put(Finished { json, unwritten });
    }
}
