//! `msctl metrics`

use clap::Args;

use crate::cli::{Cx, after_help};
use crate::exit::Outcome;
use crate::render;

/// Show how the components of a service get along: scores, errors, latencies, incidents
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
            true => cx.out.json("integration", &metrics),
            false => cx.out.text(&render::integration(&metrics)),
        }
    }
}
