//! `msctl info`

use clap::Args;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// Show the node itself: version, uptime, counters, the cost of inspection
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl info",
    "msctl info --json | jq .data.dead_letters",
))]
pub(crate) struct Info {}

impl Info {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let info = cx.connect().await?.info().await?;
        match cx.json {
            true => cx.out.json("info", &info),
            false => cx.out.text(&render::info(&info)),
        }
    }
}
