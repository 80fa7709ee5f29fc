//! `msctl state`

use clap::Args;
use ms_core::ActorPath;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// Show the state that an actor discloses, redacted
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl state /root/agents/crawler-3",
    "msctl state /root/agents/crawler-3 --json | jq .data.state",
))]
pub(crate) struct State {
    /// The actor
    path: ActorPath,
}

impl State {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let view = cx.connect().await?.state(self.path).await?;
        match cx.json {
            true => cx.out.json("state", &view),
            false => cx.out.text(&render::state(&view)),
        }
    }
}
