//! `msctl events`

use clap::Args;
use ms_control::{Request, StreamItem};

use crate::cli::{Cx, after_help};
use crate::exit::Outcome;
use crate::render;

/// Show what happened in the node: starts, ends, decisions, steering
#[derive(Debug, Args)]
#[command(after_help = after_help!(
    "msctl events",
    "msctl events --follow",
    "msctl events --since 1200 --json | jq -c .data",
))]
pub(crate) struct Events {
    /// Go on with new events until Ctrl-C (exit code 130)
    #[arg(long, short)]
    follow: bool,
    /// Only events after this number
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,
}

impl Events {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let request = Request::Events { follow: self.follow, since_seq: self.since };
        let mut items = cx.connect().await?.stream(request).await?;
        while let Some(item) = items.next().await {
            let StreamItem::Event(event) = item? else { continue };
            match cx.json {
                true => cx.out.json_line("event", &event)?,
                false => cx.out.text(&render::event(&event, cx.out.style))?,
            }
        }
        Ok(())
    }
}
