//! The reducer: from the results of ended tasks to the report.
//!
//! It knows which tasks were listed and polls the store for those that have ended. When it dies,
//! its next life rebuilds its state from the store. A result counts once, however often it comes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use ms_actor::StateValue;
use ms_audit::source::MissingPackage;
use ms_audit::{Reducer, SourceFile};
use ms_core::task::TaskId;
use ms_task::TaskEnd;
use ms_worker::tasks::TaskClient;
use ms_worker::{Agent, Cx, Handles, InitError};

use crate::board::Board;
use crate::messages::{Finish, Listed, WalkOver};
use crate::retries::{RETRY_AFTER, Retries};
use crate::roster::{ANSWER_WITHIN, Roster};
use crate::work;

/// The walker pauses while more files than this wait to be audited.
const ENOUGH: usize = 8192;
/// Tasks polled at once, the oldest first.
const LOOK_AT: usize = 512;
/// Pause between two polls, unless the last one brought many results.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Results after which the next poll follows at once.
const MUCH: usize = LOOK_AT / 2;

#[derive(Clone)]
pub(crate) struct ReducerArgs {
    pub(crate) scope: String,
    pub(crate) missing: Vec<MissingPackage>,
    pub(crate) tasks: TaskClient,
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
}

pub(crate) struct ReducerAgent {
    reducer: Reducer,
    tasks: TaskClient,
    board: Arc<Board>,
    roster: Roster,
    /// Listed, and not known to have ended.
    open: BTreeMap<TaskId, SourceFile>,
    /// Number of files listed, once the walk is over.
    input: Option<u64>,
    finished: bool,
    retries: Retries,
}

impl ReducerAgent {
    fn show(&self) {
        let totals = self.reducer.totals();
        self.board.done.set(totals.done);
        self.board.quarantined.set(totals.quarantined);
        self.board.unsafe_lines.set(totals.unsafe_lines);
        self.board.queue.set(self.open.len() as u64);
    }

    /// Takes the results of tasks that have ended.
    fn settle(&mut self, ends: &[TaskEnd]) {
        for end in ends {
            let Some(file) = self.open.remove(&end.view.id) else { continue };
            self.reducer.add(file.outcome(work::outcome(end)));
            let given = end.view.attempts + end.view.interruptions;
            if !self.board.is_of_earlier_run(&end.view) && given > 1 {
                self.board.redelivered.add(u64::from(given - 1));
            }
        }
        self.show();
    }

    /// Sends the report to the reporter once no task is open.
    async fn finish(&mut self) {
        let Some(input) = self.input.filter(|_| self.open.is_empty() && !self.finished) else {
            return;
        };
        let Some(reporter) = self.roster.parts().finish.clone() else { return };
        let report = Arc::new(self.reducer.report());
        // Not sent is not finished: the next poll sends it again.
        self.finished = reporter.tell(Finish { input, report }, ANSWER_WITHIN).await.is_ok();
    }
}

impl Agent for ReducerAgent {
    type Args = ReducerArgs;

    async fn init(args: ReducerArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        args.roster.enter(|parts| {
            parts.listed = Some(cx.me().port());
            parts.walk_over = Some(cx.me().port());
        });
        cx.schedule(LOOK_EVERY, Look);
        // A new life lists all files again, and counts their deliveries again.
        args.board.redelivered.set(0);
        let this = Self {
            reducer: Reducer::new(args.scope, args.missing),
            tasks: args.tasks,
            board: args.board,
            roster: args.roster,
            open: BTreeMap::new(),
            input: None,
            finished: false,
            retries: Retries::default(),
        };
        this.show();
        Ok(this)
    }

    fn state(&self) -> StateValue {
        let totals = self.reducer.totals();
        StateValue::map(
            [
                ("open", self.open.len() as u64),
                ("units", totals.units),
                ("done", totals.done),
                ("quarantined", totals.quarantined),
                ("unsafe_lines", totals.unsafe_lines),
            ]
            .map(|(name, value)| (name, value.into())),
        )
    }
}

impl Handles<Listed> for ReducerAgent {
    async fn on(&mut self, listed: Listed, _: &mut Cx<Self>) -> bool {
        self.finished = false;
        listed.units.iter().cloned().for_each(|facts| self.reducer.add_unit(facts));
        for outcome in listed.unreadable.iter().cloned() {
            self.reducer.add(outcome);
        }
        self.open.extend(listed.files.iter().cloned());
        self.show();
        self.open.len() > ENOUGH
    }
}

impl Handles<WalkOver> for ReducerAgent {
    async fn on(&mut self, over: WalkOver, _: &mut Cx<Self>) {
        self.input = Some(over.input);
        self.finish().await;
    }
}

/// Look for tasks that have ended.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Look;

impl Handles<Look> for ReducerAgent {
    async fn on(&mut self, _: Look, cx: &mut Cx<Self>) {
        let oldest: Vec<TaskId> = self.open.keys().take(LOOK_AT).copied().collect();
        let mut pause = LOOK_EVERY;
        if !oldest.is_empty() {
            match self.tasks.ends(oldest).await {
                Ok(ends) => {
                    self.retries.reset();
                    self.settle(&ends);
                    if ends.len() >= MUCH {
                        pause = Duration::ZERO;
                    }
                }
                Err(error) => match self.retries.failed(error) {
                    Ok(()) => pause = RETRY_AFTER,
                    Err(error) => return cx.fail(error),
                },
            }
        }
        self.finish().await;
        cx.schedule(pause, Look);
    }
}
