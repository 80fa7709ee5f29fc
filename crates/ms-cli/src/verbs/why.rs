//! `msctl why`

use std::time::SystemTime;

use clap::Args;
use ms_core::ActorPath;
use ms_core::budget::BudgetStop;
use ms_core::view::{SCHEMA_VERSION, WhyRecord};
use serde::Serialize;

use crate::args::{after_help, millis};
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// Explain why an actor died or is suspended, and what its supervisor did about it
///
/// A used-up budget that suspends the actor comes first: which budget, its use, since
/// when, and how to let the actor go on.
///
/// The record of an end has the reason, the place of a panic, the message being handled,
/// the strategy, the siblings that ended with it, the restart budget that is left and the
/// delay before the next start. An end that was ordered, by stop or restart of the actor
/// or of a sibling, leaves no record: its supervisor had nothing to decide.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl why /root/agents/crawler-3",
    "msctl why /root/agents/crawler-3 --last 5",
    "msctl why /root/agents/crawler-3 --json | jq '.data[0].reason'",
    "msctl why /root/agents --json | jq .over_budget",
))]
pub(crate) struct Why {
    /// The actor
    path: ActorPath,
    /// Number of ends to show, newest first, at most 100
    #[arg(long, default_value_t = 1, value_name = "N")]
    last: usize,
    /// Print the backtrace of a panic, if the node recorded one
    #[arg(long)]
    backtrace: bool,
}

/// The ends of an actor, and the budgets that suspend it.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    kind: &'static str,
    data: Vec<WhyRecord>,
    over_budget: Vec<BudgetStop>,
}

impl Why {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let mut client = cx.connect().await?;
        let data = client.why(self.path.clone(), Some(self.last)).await?;
        // Asked in any case: a suspended actor has not ended, so its ends do not explain it.
        let over_budget = client.budget(self.path.clone()).await?;
        if cx.json {
            let document = Document { schema: SCHEMA_VERSION, kind: "why", data, over_budget };
            return cx.out.document(&document);
        }
        // A clock before 1970 is wrong anyway: ages are then shown as zero.
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, millis);
        let style = cx.out.style;
        let mut parts: Vec<_> = over_budget
            .iter()
            .map(|stop| render::over_budget(stop, &self.path, now, style))
            .collect();
        parts.extend(data.iter().map(|record| render::why(record, now, self.backtrace, style)));
        // No record has two meanings, no end and an ordered end; only the actor's status tells
        // them apart.
        if data.is_empty() {
            let actor = client.inspect(self.path).await?;
            parts.push(render::no_records(&actor.status));
        }
        cx.out.text(&parts.join("\n"))
    }
}
