//! `msctl why`

use std::time::SystemTime;

use clap::Args;
use ms_core::ActorPath;

use crate::cli::{Cx, after_help, millis};
use crate::exit::Outcome;
use crate::render;

/// Explain why an actor died, and what its supervisor did about it
///
/// The record names the reason, the panic site, the message being handled, the
/// strategy, the siblings taken along, the restart budget that is left and the
/// delay before the next start.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl why /root/agents/crawler-3",
    "msctl why /root/agents/crawler-3 --last 5",
    "msctl why /root/agents/crawler-3 --json | jq '.data[0].reason'",
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

impl Why {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let records = cx.connect().await?.why(self.path.clone(), Some(self.last)).await?;
        if cx.json {
            return cx.out.json("why", &records);
        }
        if records.is_empty() {
            return cx.out.text(&format!("{} has not ended since the node booted\n", self.path));
        }
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, millis);
        let told: Vec<_> = records
            .iter()
            .map(|record| render::why(record, now, self.backtrace, cx.out.style))
            .collect();
        cx.out.text(&told.join("\n"))
    }
}
