//! `msctl stats`

use clap::Args;
use ms_core::ActorPath;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// Count the messages of one actor by type
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl stats /root/agents/crawler-3 --on",
    "msctl stats /root/agents/crawler-3",
    "msctl stats /root/agents/crawler-3 --off",
))]
pub(crate) struct Stats {
    /// The actor
    path: ActorPath,
    /// Start counting
    #[arg(long, conflicts_with = "off")]
    on: bool,
    /// Stop counting
    #[arg(long)]
    off: bool,
}

impl Stats {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        // Without either it only reads: an operation of its own, which leaves no record.
        let on = (self.on || self.off).then_some(self.on);
        let view = cx.connect().await?.statistics(self.path, on).await?;
        match cx.json {
            true => cx.out.json("statistics", &view),
            false => cx.out.text(&render::statistics(&view)),
        }
    }
}
