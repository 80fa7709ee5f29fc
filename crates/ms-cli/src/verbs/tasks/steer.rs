//! `msctl tasks cancel`, `retry`, `replay`

use clap::Args;
use ms_control::proto::TaskVerb;
use ms_control::{Client, ControlError};
use ms_core::task::{AgentKind, MAX_PAGE, QueueName, TaskFilter, TaskId, TaskState, TaskView};

use crate::args::after_help;
use crate::confirm::{LOOK_FIRST, Sure, consent};
use crate::context::Cx;
use crate::exit::{Failure, Outcome, say};
use crate::render;

/// Cancel tasks that have not ended
///
/// An agent that works on one is stopped at its next await. Its effects on the outside
/// world stay, and a cancelled task cannot be retried.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl tasks cancel 01a20de1-fe43-7694-b430-621455741178 --dry-run",
    "msctl tasks cancel 01a20de1-fe43-7694-b430-621455741178 --yes --reason 'ordered twice'",
))]
pub(super) struct Cancel {
    /// The tasks
    #[arg(required = true, value_name = "ID")]
    ids: Vec<TaskId>,
    #[command(flatten)]
    sure: Sure,
}

impl Cancel {
    pub(super) async fn run(self, cx: &Cx) -> Outcome {
        let tasks = named(self.ids, cx).await?;
        steer(TaskVerb::Cancel, tasks, self.sure, cx).await
    }
}

/// Retry tasks that failed or are dead
///
/// Each has all its attempts again, and resumes after the steps in its journal.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl tasks retry 01a20de1-fe43-7694-b430-621455741178 --yes",
    "msctl tasks retry 01a20de1-fe43-7694-b430-621455741178 --dry-run",
))]
pub(super) struct Retry {
    /// The tasks
    #[arg(required = true, value_name = "ID")]
    ids: Vec<TaskId>,
    #[command(flatten)]
    sure: Sure,
}

impl Retry {
    pub(super) async fn run(self, cx: &Cx) -> Outcome {
        let tasks = named(self.ids, cx).await?;
        steer(TaskVerb::Retry, tasks, self.sure, cx).await
    }
}

/// Retry all dead letters that match
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl tasks replay --kind mailer --dry-run",
    "msctl tasks replay --queue default --limit 10 --yes --reason 'the mail server is back'",
))]
pub(super) struct Replay {
    /// Only tasks of this queue
    #[arg(long, value_name = "NAME")]
    queue: Option<QueueName>,
    /// Only tasks for this kind of agent
    #[arg(long, value_name = "NAME")]
    kind: Option<AgentKind>,
    /// Only the N oldest
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    sure: Sure,
}

impl Replay {
    pub(super) async fn run(self, cx: &Cx) -> Outcome {
        let Self { queue, kind, limit, sure } = self;
        let (limit, mut dead) = (limit.unwrap_or(usize::MAX), Vec::new());
        let mut client = cx.connect().await?;
        let mut filter = TaskFilter { queue, kind, state: Some(TaskState::Dead), ..<_>::default() };
        // All pages first, then the retries: a retried task leaves the list that is being paged.
        while dead.len() < limit {
            filter.limit = MAX_PAGE.min(limit - dead.len());
            let page = client.tasks(filter.clone()).await?;
            dead.extend(page.tasks);
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        steer(TaskVerb::Retry, dead, sure, cx).await
    }
}

/// Returns the tasks with these ids.
///
/// One that is missing fails the verb before anything is done: it is probably a slip of the pen.
async fn named(ids: Vec<TaskId>, cx: &Cx) -> Result<Vec<TaskView>, Failure> {
    let mut client = cx.connect().await?;
    let mut tasks = Vec::with_capacity(ids.len());
    for id in ids {
        tasks.push(client.task(id).await?.task);
    }
    Ok(tasks)
}

async fn steer(verb: TaskVerb, tasks: Vec<TaskView>, sure: Sure, cx: &Cx) -> Outcome {
    let Sure { dry_run, yes, reason } = sure;
    if dry_run {
        return match cx.json {
            true => cx.out.json("tasks_dry_run", &tasks),
            false => cx.out.text(&render::tasks_foretold(verb, &tasks, cx.out.style)),
        };
    }
    let mut done = Vec::with_capacity(tasks.len());
    if !tasks.is_empty() {
        let what = format!("{verb} {}", render::many(tasks.len() as u64, "task"));
        let consent = consent(&yes, &what, LOOK_FIRST)?;
        say(&render::task_table(&tasks, render::Style::PLAIN));
        consent.obtain(&what)?;
        // A new connection: the node closes one that idles while a person thinks.
        let mut client = cx.connect().await?;
        for task in &tasks {
            // One by one, so that the first error stops the rest and can say how far it got.
            done.push(one(&mut client, verb, task, &tasks, &done, reason.clone()).await?);
        }
    }
    match cx.json {
        true => cx.out.json("tasks_steered", &done),
        false => cx.out.text(&render::tasks_steered(verb, &done)),
    }
}

/// Steers one of many; an error says how many were done before.
async fn one(
    client: &mut Client,
    verb: TaskVerb,
    task: &TaskView,
    all: &[TaskView],
    done: &[TaskView],
    reason: Option<String>,
) -> Result<TaskView, Failure> {
    match client.steer_task(task.id, verb, reason).await {
        Ok(task) => Ok(task),
        Err(error) if all.len() == 1 => Err(error.into()),
        Err(error) => {
            let what = format!("{} ({} of {} were done before)", error.what, done.len(), all.len());
            Err(ControlError { what, ..error }.into())
        }
    }
}
