//! `msctl lookup`

use clap::Args;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// Find the actor that has a name or provides a service
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl lookup task-store",
    "msctl lookup task-store --json | jq -r .data.path",
    "msctl inspect $(msctl lookup task-store --json | jq -r .data.path)",
))]
pub(crate) struct Lookup {
    /// Registered name, or name of a service key
    name: String,
}

impl Lookup {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let found = cx.connect().await?.lookup(self.name).await?;
        match cx.json {
            true => cx.out.json("found", &found),
            false => cx.out.text(&render::found(&found, cx.out.style)),
        }
    }
}
