//! `msctl metrics`

use clap::Args;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// Show the interactions of a service's components: scores, errors, latencies, incidents
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl metrics",
    "msctl metrics --json | jq .data.mean_time_to_recovery_ms",
))]
pub(crate) struct Metrics {}

impl Metrics {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let metrics = cx.connect().await?.interactions().await?;
        match cx.json {
            // A published name: it stayed when the components' interactions were renamed.
            true => cx.out.json("integration", &metrics),
            false => cx.out.text(&render::interactions(&metrics)),
        }
    }
}
