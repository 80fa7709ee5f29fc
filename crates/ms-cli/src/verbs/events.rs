//! `msctl events`

use clap::{Args, ValueEnum};
use ms_control::ControlError;
use ms_core::NodeLife;
use ms_core::stream::{self, EventFilter};
use ms_core::task::{TaskChange, TaskId};
use ms_ops::ops::FollowEvents;

use crate::cli::{Cx, after_help};
use crate::exit::{Failure, Outcome};
use crate::render;

/// Show what happened in the node: starts, ends, decisions, steering, tasks
///
/// Events about durable tasks are counted apart from those of the node itself. The last
/// 4096 of the node and the last 8192 about tasks are kept; what was missed is told.
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
    /// Of the node, only events after this number
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,
    /// About tasks, only events after this number
    #[arg(long, value_name = "SEQ")]
    since_task: Option<u64>,
    /// The life of the node that --since and --since-task are of, as `msctl info` and each line
    /// of --json have it; of another life, the gap is told and all that is kept
    #[arg(long, value_name = "LIFE")]
    life: Option<NodeLife>,
    /// Of what: all unless it is said, tasks where --task or --change is given
    #[arg(long, value_enum, value_name = "WHAT")]
    about: Option<About>,
    /// Only events about this task
    #[arg(long, value_name = "ID")]
    task: Option<TaskId>,
    /// Only tasks that moved on so: submitted, assigned, started, completed, failed, dead,
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
        // Over the same connection, so that it is the life of what is told.
        let of = if cx.json { client.info().await?.life } else { None };
        let mut items = client.stream(request).await?;
        while let Some(item) = items.next().await {
            let event = item?.event;
            match cx.json {
                true => cx.out.json_line("event", of, &event)?,
                false => cx.out.text(&render::event(&event, cx.out.style))?,
            }
        }
        Ok(())
    }

    fn filter(&self) -> Result<EventFilter, Failure> {
        let Self { about, task, change, .. } = *self;
        let narrowed = task.is_some() || change.is_some();
        if narrowed && about == Some(About::Node) {
            let told = "--task and --change are about tasks; leave --about node out";
            return Err(ControlError::bad_request(told).into());
        }
        let about = match about {
            Some(About::Node) => stream::About::Node,
            Some(About::All) => stream::About::All,
            None if !narrowed => stream::About::All,
            Some(About::Tasks) | None => stream::About::Tasks,
        };
        Ok(EventFilter { about, task, change })
    }
}
