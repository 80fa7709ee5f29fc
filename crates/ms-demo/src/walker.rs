//! The walker: lists the files and submits each as a durable task, batch by batch.
//!
//! It may be killed at any moment: its successor walks again from the beginning, and a file
//! that is submitted again is the same task.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::Message;
use ms_audit::{Batch, SourceFile, Sources, UnitFacts};
use ms_core::task::{NewTask, StoreError, Submitted, TaskError, TaskId};
use ms_worker::tasks::{TaskClient, TaskRefusal};
use ms_worker::{Agent, Cx, Handles, InitError};

use crate::board::Board;
use crate::messages::{Listed, WalkOver};
use crate::retries::{RETRY_AFTER, Retries};
use crate::roster::{ANSWER_WITHIN, Roster};
use crate::work::{self, WorkError};

/// Files in one batch, which is one submission.
const BATCH: usize = 256;
/// Pause while there is enough to do.
const ENOUGH_FOR: Duration = Duration::from_millis(20);

#[derive(Clone)]
pub(crate) struct WalkerArgs {
    pub(crate) sources: Arc<Sources>,
    pub(crate) tasks: TaskClient,
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
}

pub(crate) struct WalkerAgent {
    walker: ms_audit::Walker,
    tasks: TaskClient,
    board: Arc<Board>,
    roster: Roster,
    /// Files listed; counted here and nowhere else.
    input: u64,
    /// The batch that was not submitted, or not sent to the reducer yet.
    held: Option<Batch>,
    over: bool,
    retries: Retries,
}

/// The reason why a batch is not on disk.
#[derive(Debug, thiserror::Error)]
enum Unlisted {
    #[error(transparent)]
    Work(#[from] WorkError),
    #[error("a file was not accepted as a task")]
    Task(#[from] TaskError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TaskRefusal> for Unlisted {
    fn from(refusal: TaskRefusal) -> Self {
        match refusal {
            TaskRefusal::Task(error) => Self::Task(error),
            TaskRefusal::Store(error) => Self::Store(error),
            late => Self::Store(StoreError::Unknown(late.to_string())),
        }
    }
}

impl Agent for WalkerAgent {
    type Args = WalkerArgs;

    async fn init(args: WalkerArgs, cx: &mut Cx<Self>) -> Result<Self, InitError> {
        args.board.walked.store(false, Ordering::Release);
        cx.schedule(Duration::ZERO, Step);
        let walker = ms_audit::Walker::new(&args.sources);
        Ok(Self {
            walker,
            tasks: args.tasks,
            board: args.board,
            roster: args.roster,
            input: 0,
            held: None,
            over: false,
            retries: Retries::default(),
        })
    }
}

/// Handles the next batch.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Step;

impl Handles<Step> for WalkerAgent {
    async fn on(&mut self, _: Step, cx: &mut Cx<Self>) {
        match self.step().await {
            Ok(Next::After(pause)) => cx.schedule(pause, Step),
            Ok(Next::Over) => cx.stop(),
            Err(Unlisted::Store(error)) => match self.retries.failed(error) {
                Ok(()) => cx.schedule(RETRY_AFTER, Step),
                Err(error) => cx.fail(error),
            },
            Err(other) => cx.fail(other),
        }
    }
}

enum Next {
    After(Duration),
    Over,
}

impl WalkerAgent {
    async fn step(&mut self) -> Result<Next, Unlisted> {
        let (listed_to, over_to) = {
            let parts = self.roster.parts();
            (parts.listed.clone(), parts.walk_over.clone())
        };
        // The reducer starts before the walker, and enters both when it does.
        let (Some(listed_to), Some(over_to)) = (listed_to, over_to) else {
            return Ok(Next::After(RETRY_AFTER));
        };
        if self.held.is_none() && !self.over {
            self.held = self.next_batch();
            self.over = self.held.is_none();
        }
        let Some(batch) = &self.held else {
            self.board.walked.store(true, Ordering::Release);
            return Ok(match over_to.ask(WalkOver { input: self.input }, ANSWER_WITHIN).await {
                Ok(()) => Next::Over,
                Err(_) => Next::After(RETRY_AFTER),
            });
        };
        let files = self.submit(&batch.files).await?;
        self.retries.reset();
        let listed = Listed {
            units: batch.units.iter().map(UnitFacts::gather).collect(),
            files: files.into(),
            unreadable: batch.unreadable.clone().into(),
        };
        Ok(match listed_to.ask(listed, ANSWER_WITHIN).await {
            Ok(has_enough) => {
                // Not before the reducer has it. A batch that is submitted again is the same tasks.
                self.held = None;
                Next::After(if has_enough { ENOUGH_FOR } else { Duration::ZERO })
            }
            Err(_) => Next::After(RETRY_AFTER),
        })
    }

    /// Submits the files as tasks, which are on disk then; a file that was submitted before is the
    /// same task.
    async fn submit(&self, files: &[SourceFile]) -> Result<Vec<(TaskId, SourceFile)>, Unlisted> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let tasks: Vec<NewTask> = files.iter().map(work::task).collect::<Result<_, _>>()?;
        let answers = self.tasks.submit_all(tasks).await?;
        let mut listed = Vec::with_capacity(files.len());
        for (file, answer) in files.iter().zip(answers) {
            let Submitted { view, repeated } = answer?;
            let again = repeated
                && self.board.is_of_earlier_run(&view)
                && work::is_worth_another_try(&view);
            if again {
                self.tasks.replay(view.id).await?;
            } else {
                self.board.listed(&file.label, &view);
            }
            listed.push((view.id, file.clone()));
        }
        Ok(listed)
    }

    /// Blocks for some directories; the walker has a thread of its own.
    fn next_batch(&mut self) -> Option<Batch> {
        let batch = self.walker.next_batch(BATCH)?;
        self.input += batch.input();
        self.board.input.set(self.input);
        Some(batch)
    }
}
