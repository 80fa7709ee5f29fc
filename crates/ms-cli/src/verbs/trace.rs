//! `msctl trace`

use std::time::Duration;

use clap::Args;
use ms_control::proto::MAX_TRACE_FOR;
use ms_core::ActorPath;
use ms_ops::ops;

use crate::args::{after_help, millis, span_up_to};
use crate::context::Cx;
use crate::exit::{Outcome, say};
use crate::render;

/// Show the messages one actor handles, within hard limits
///
/// Only types and times of messages are shown, never payloads. The trace ends by
/// itself at the limit that comes first.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl trace /root/agents/crawler-3",
    "msctl trace /root/agents/crawler-3 --max 1000 --for 1m --json",
))]
pub(crate) struct Trace {
    /// The actor
    path: ActorPath,
    /// End after this many messages, 1 to 10000
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max: u32,
    /// End after this time, at most 10m
    #[arg(long = "for", default_value = "10s", value_name = "TIME", value_parser = span_up_to(MAX_TRACE_FOR))]
    span: Duration,
}

impl Trace {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let request =
            ops::TraceMessages { path: self.path, max: self.max, for_ms: millis(self.span) };
        let mut items = cx.connect().await?.stream(request).await?;
        let mut seen = 0u32;
        while let Some(item) = items.next().await {
            let line = item?;
            seen += 1;
            match cx.json {
                true => cx.out.json_line("trace", None, &line)?,
                false => cx.out.text(&render::trace(&line))?,
            }
        }
        // On stderr: with --json, stdout has nothing but documents.
        say(&format!("{seen} of at most {} messages in at most {:?}\n", self.max, self.span));
        Ok(())
    }
}
