//! `msctl why`

use std::time::SystemTime;

use clap::Args;
use ms_core::ActorPath;
use ms_core::budget::BudgetStop;
use ms_core::view::{SCHEMA_VERSION, WhyRecord};
use serde::Serialize;

use crate::cli::{Cx, after_help, millis};
use crate::exit::Outcome;
use crate::render;

/// Explain why an actor died, or waits, and what its supervisor did about it
///
/// An actor that a used-up budget holds is told first: which budget, what is used of it,
/// since when, and how to let it go on.
///
/// The record names the reason, the panic site, the message being handled, the
/// strategy, the siblings taken along, the restart budget that is left and the
/// delay before the next start. There is none of an end on order, by stop or
/// restart, itself or along with others: the supervisor had nothing to decide.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl why /root/agents/crawler-3",
    "msctl why /root/agents/crawler-3 --last 5",
    "msctl why /root/agents/crawler-3 --json | jq '.data[0].reason'",
    "msctl why /root/agents --json | jq .over_budget",
))]
pub(crate) struct Why {
    /// Which actor
    path: ActorPath,
    /// How many of its ends, newest first, at most 100
    #[arg(long, default_value_t = 1, value_name = "N")]
    last: usize,
    /// Print the backtrace of a panic, where the node recorded one
    #[arg(long)]
    backtrace: bool,
}

/// The ends of an actor, and the budgets that hold it.
#[derive(Debug, Serialize)]
struct Told {
    schema: u32,
    kind: &'static str,
    data: Vec<WhyRecord>,
    over_budget: Vec<BudgetStop>,
}

impl Why {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let mut client = cx.connect().await?;
        let data = client.why(self.path.clone(), Some(self.last)).await?;
        let over_budget = client.budget(self.path.clone()).await?;
        if cx.json {
            let told = Told { schema: SCHEMA_VERSION, kind: "why", data, over_budget };
            return cx.out.document(&told);
        }
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, millis);
        let style = cx.out.style;
        let mut told: Vec<_> = over_budget
            .iter()
            .map(|stop| render::over_budget(stop, &self.path, now, style))
            .collect();
        told.extend(data.iter().map(|record| render::why(record, now, self.backtrace, style)));
        if data.is_empty() {
            let actor = client.inspect(self.path).await?;
            told.push(render::no_records(&actor.status));
        }
        cx.out.text(&told.join("\n"))
    }
}
