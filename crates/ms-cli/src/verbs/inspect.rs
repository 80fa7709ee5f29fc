//! `msctl inspect`

use clap::Args;
use ms_core::ActorPath;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// Show everything about one actor except its state
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl inspect /root/agents/crawler-3",
    "msctl inspect /root/agents --json",
))]
pub(crate) struct Inspect {
    /// The actor
    path: ActorPath,
}

impl Inspect {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let node = cx.connect().await?.inspect(self.path).await?;
        match cx.json {
            true => cx.out.json("inspect", &node),
            false => cx.out.text(&render::inspect(&node, cx.out.style)),
        }
    }
}
