//! `msctl tasks ls`, `dead`, `show`

use clap::Args;
use ms_core::task::{AgentKind, MAX_PAGE, QueueName, TaskFilter, TaskId, TaskState};

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// The options that select tasks.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only tasks of this queue
    #[arg(long, value_name = "NAME")]
    pub(super) queue: Option<QueueName>,
    /// Only tasks for this kind of agent
    #[arg(long, value_name = "NAME")]
    pub(super) kind: Option<AgentKind>,
    /// Tasks on a page, at most 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = page)]
    pub(super) limit: usize,
    /// Only tasks after this one; the page before ends with this cursor
    #[arg(long, value_name = "ID")]
    pub(super) cursor: Option<TaskId>,
}

impl Which {
    pub(super) fn filter(self, state: Option<TaskState>) -> TaskFilter {
        let Self { queue, kind, limit, cursor } = self;
        TaskFilter { queue, kind, state, after: cursor, limit }
    }
}

// Checked before the node is asked: only a usage error of clap can name the option.
fn page(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit @ 1..=MAX_PAGE) => Ok(limit),
        _ => Err(format!("it must be between 1 and {MAX_PAGE}")),
    }
}

fn state(text: &str) -> Result<TaskState, String> {
    let known = || TaskState::ALL.map(TaskState::label).join(", ");
    TaskState::from_label(text).ok_or_else(|| format!("it must be one of {}", known()))
}

/// List tasks, oldest first
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl tasks ls",
    "msctl tasks ls --state failed --kind mailer --limit 20",
    "msctl tasks ls --json | jq -r '.data.tasks[].id'",
))]
pub(super) struct Ls {
    /// Only tasks in this state: pending, assigned, running, completed, failed, cancelled, dead
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<TaskState>,
    #[command(flatten)]
    which: Which,
}

impl Ls {
    pub(super) async fn run(self, cx: &Cx) -> Outcome {
        list(self.which.filter(self.state), cx).await
    }
}

/// List the dead letters: tasks whose attempts are used up
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl tasks dead",
    "msctl tasks dead --kind mailer --json | jq -r '.data.tasks[].failure.message'",
))]
pub(super) struct Dead {
    #[command(flatten)]
    which: Which,
}

impl Dead {
    pub(super) async fn run(self, cx: &Cx) -> Outcome {
        list(self.which.filter(Some(TaskState::Dead)), cx).await
    }
}

async fn list(filter: TaskFilter, cx: &Cx) -> Outcome {
    let page = cx.connect().await?.tasks(filter).await?;
    match cx.json {
        true => cx.out.json("tasks", &page),
        false => cx.out.text(&render::tasks(&page, cx.out.style)),
    }
}

/// Show one task: state, agent, attempts, timings, failure, result
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl tasks show 01a20de1-fe43-7694-b430-621455741178",
    "msctl tasks show 01a20de1-fe43-7694-b430-621455741178 --json | jq .data.result",
))]
pub(super) struct Show {
    /// The task
    id: TaskId,
}

impl Show {
    pub(super) async fn run(self, cx: &Cx) -> Outcome {
        let task = cx.connect().await?.task(self.id).await?;
        match cx.json {
            true => cx.out.json("task", &task),
            false => cx.out.text(&render::task(&task, cx.out.style)),
        }
    }
}
