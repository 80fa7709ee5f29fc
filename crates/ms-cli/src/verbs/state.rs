//! `msctl state`

use clap::Args;
use ms_core::ActorPath;

use crate::cli::{Cx, after_help};
use crate::exit::Outcome;
use crate::render;

/// Show the state an actor discloses of itself, redacted
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl state /root/agents/crawler-3",
    "msctl state /root/agents/crawler-3 --json | jq .data.state",
))]
pub(crate) struct State {
    /// Which actor
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
