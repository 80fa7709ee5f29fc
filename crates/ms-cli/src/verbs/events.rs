//! `msctl events`

use clap::{Args, ValueEnum};
use ms_control::ControlError;
use ms_core::NodeLife;
use ms_core::stream::{self, EventFilter};
use ms_core::task::{TaskChange, TaskId};
use ms_ops::ops::FollowEvents;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::{Failure, Outcome};
use crate::render;

/// Show the events of the node: starts, ends, decisions, steering, tasks
///
/// Task events are numbered apart from those of the node itself. The node keeps its last
/// 4096 events and the last 8192 task events; missed ones are reported as a gap.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl events",
    "msctl events --follow --about node",
    "msctl events --change dead --follow",
    "msctl events --task 01a20de1-fe43-7694-b430-621455741178",
    "msctl events --since 1200 --life 5f0c2d9a81b3e47d --json | jq -c .data",
))]
pub(crate) struct Events {
    /// Go on with new events until Ctrl-C (exit code 130)
    #[arg(long, short)]
    follow: bool,
    /// Only events of the node after this number
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,
    /// Only task events after this number
    #[arg(long, value_name = "SEQ")]
    since_task: Option<u64>,
    /// Life of the node that --since and --since-task belong to, from `msctl info` or a line of
    /// --json; if the node has been restarted, the gap and all kept events are shown
    #[arg(long, value_name = "LIFE")]
    life: Option<NodeLife>,
    /// Subject of the events; default: all, or tasks with --task or --change
    #[arg(long, value_enum, value_name = "WHAT")]
    about: Option<About>,
    /// Only events about this task
    #[arg(long, value_name = "ID")]
    task: Option<TaskId>,
    /// Only this change of a task: submitted, assigned, started, completed, failed, dead,
    /// cancelled, lease_lost, taken_back, released, replayed
    #[arg(long, value_name = "CHANGE", value_parser = change)]
    change: Option<TaskChange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum About {
    /// Actors, supervisors, arbiters and components
    Node,
    /// Durable tasks
    Tasks,
    /// Both
    All,
}

fn change(text: &str) -> Result<TaskChange, String> {
    let known = || TaskChange::ALL.map(TaskChange::label).join(", ");
    TaskChange::from_label(text).ok_or_else(|| format!("it must be one of {}", known()))
}

impl Events {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let Self { follow, since: since_seq, since_task, life, .. } = self;
        let filter = self.filter()?;
        let request = FollowEvents { follow, from: None, since_seq, since_task, life, filter };
        let mut client = cx.connect().await?;
        // Over the same connection, so that it is the life that the events belong to.
        let life_of_events = if cx.json { client.info().await?.life } else { None };
        let mut items = client.stream(request).await?;
        while let Some(item) = items.next().await {
            let event = item?.event;
            match cx.json {
                true => cx.out.json_line("event", life_of_events, &event)?,
                false => cx.out.text(&render::event(&event, cx.out.style))?,
            }
        }
        Ok(())
    }

    fn filter(&self) -> Result<EventFilter, Failure> {
        let Self { about, task, change, .. } = *self;
        let narrowed = task.is_some() || change.is_some();
        if narrowed && about == Some(About::Node) {
            let what = "--task and --change are about tasks; leave --about node out";
            return Err(ControlError::bad_request(what).into());
        }
        let about = match about {
            Some(About::Node) => stream::About::Node,
            Some(About::All) => stream::About::All,
            // Narrowed to tasks, events of the node would only be in the way: they have neither
            // field.
            None if !narrowed => stream::About::All,
            Some(About::Tasks) | None => stream::About::Tasks,
        };
        Ok(EventFilter { about, task, change })
    }
}
