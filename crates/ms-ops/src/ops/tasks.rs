//! Durable tasks.

use ms_core::task::{MAX_BATCH, MAX_PAGE, NewTask, TaskFilter, TaskId, TaskPage, TaskView};

use super::MAX_REASON;
use crate::error::OpError;
use crate::field::at_most;
use crate::operation;
use crate::request_id::RequestId;
use crate::target::Target;
use crate::views::{Submittal, TaskDetails, TaskResult, TaskTaken};

operation! {
    /// A page of durable tasks, by age.
    Read TasksRead "tasks.list" 1;
    pub struct ListTasks -> TaskPage {
        /// Which.
        #[serde(default)]
        pub filter: TaskFilter,
    }
    fn target(&self) -> Target<'_> {
        Target::Tasks
    }
    fn check(&self) -> Result<(), OpError> {
        let limit = u64::try_from(self.filter.limit).ok();
        // By hand: the macro measures fields of the operation, and the limit is a field of a field.
        at_most("filter.limit", "limit", limit, MAX_PAGE as u64)
    }
}

operation! {
    /// A durable task: its state, agent, attempts and timings.
    Read TasksRead "tasks.get" 1;
    pub struct GetTask -> TaskView {
        /// Which.
        pub id: TaskId,
    }
    fn target(&self) -> Target<'_> {
        Target::Task(self.id)
    }
}

operation! {
    /// A durable task, with its result once it is completed.
    Read TasksRead "tasks.show" 1;
    pub struct ShowTask -> TaskDetails {
        /// Which.
        pub id: TaskId,
    }
    fn target(&self) -> Target<'_> {
        Target::Task(self.id)
    }
}

operation! {
    /// How a durable task ended; refused while it has not.
    Read TasksRead "tasks.result" 1;
    pub struct TaskOutcome -> TaskResult {
        /// Which.
        pub id: TaskId,
    }
    fn target(&self) -> Target<'_> {
        Target::Task(self.id)
    }
}

operation! {
    /// Takes a durable task; the answer means that it is on disk.
    Write TasksSubmit "tasks.submit" 1;
    pub struct SubmitTask -> TaskTaken {
        /// The task.
        pub task: Box<NewTask>,
    }
    fn target(&self) -> Target<'_> {
        Target::Tasks
    }
    fn verb(&self) -> String {
        format!("task submit {}", self.task.kind)
    }
    fn check(&self) -> Result<(), OpError> {
        Ok(self.task.check()?)
    }
    fn outcome(taken: &TaskTaken) -> Option<String> {
        Some(match taken.repeated {
            true => format!("it was task {} before", taken.task.id),
            false => format!("task {}", taken.task.id),
        })
    }
}

operation! {
    /// Takes up to 1,000 durable tasks with one write, and answers the outcome of each.
    Write TasksSubmit "tasks.submit_batch" 1;
    pub struct SubmitBatch -> Vec<Submittal> {
        /// The tasks.
        pub tasks: Vec<NewTask> [from 1] [max MAX_BATCH as u64, "number of tasks"],
    }
    fn target(&self) -> Target<'_> {
        Target::Tasks
    }
    fn verb(&self) -> String {
        format!("task submit of {} tasks", self.tasks.len())
    }
    fn outcome(answers: &Vec<Submittal>) -> Option<String> {
        let taken = answers.iter().filter(|answer| matches!(answer, Submittal::Taken(_)));
        Some(format!("{} of {} were taken", taken.count(), answers.len()))
    }
    fn check(&self) -> Result<(), OpError> {
        let count = self.tasks.len();
        // In place of `bounds`, so that both ends are refused with one sentence.
        if count == 0 || count > MAX_BATCH {
            let what = format!("a batch has 1 to {MAX_BATCH} tasks, this one has {count}");
            return Err(OpError::bad_request(what));
        }
        // A value out of bounds is a mistake of the caller's program: nothing of it is taken.
        for (at, task) in self.tasks.iter().enumerate() {
            task.check().map_err(|error| {
                let wrong = error.to_string();
                OpError::from(error).at(format!("[{at}]"), wrong)
            })?;
        }
        Ok(())
    }
}

operation! {
    /// Cancels a durable task, if it has not ended. An agent that has it is notified; its late result
    /// is refused.
    Steer TasksSteer "tasks.cancel" 1;
    pub struct CancelTask -> TaskView {
        /// Which.
        pub id: TaskId,
        /// Why, for the record.
        pub reason: Option<String> [max MAX_REASON, "length of the reason"],
        /// The id of this request: sent again with it, the request is answered as the first was, and
        /// is not carried out again.
        pub request_id: Option<RequestId>,
    }
    fn target(&self) -> Target<'_> {
        Target::Task(self.id)
    }
    fn verb(&self) -> String {
        format!("task cancel {}", self.id)
    }
    fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

operation! {
    /// Tries a durable task again with all its attempts, if it failed or is among the dead letters.
    Steer TasksSteer "tasks.retry" 1;
    pub struct RetryTask -> TaskView {
        /// Which.
        pub id: TaskId,
        /// Why, for the record.
        pub reason: Option<String> [max MAX_REASON, "length of the reason"],
        /// The id of this request: sent again with it, the request is answered as the first was, and
        /// is not carried out again.
        pub request_id: Option<RequestId>,
    }
    fn target(&self) -> Target<'_> {
        Target::Task(self.id)
    }
    fn verb(&self) -> String {
        format!("task retry {}", self.id)
    }
    fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}
