//! `msctl tree`

use std::time::Duration;

use clap::Args;
use ms_core::ActorPath;
use ms_core::tree::MAX_NESTED;

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;
use crate::render;

/// The time between two drawings of `--watch`.
const REDRAW: Duration = Duration::from_secs(1);

/// Show the supervision tree; what needs attention is marked
///
/// A hung, suspended or backlogged actor is marked and delays nobody. What the node
/// cannot know is shown as `?`. JSON readers limit how deep a document nests, so --json
/// shows 60 levels below the start and counts the children below them as `omitted`.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl tree",
    "msctl tree /root/agents --depth 1",
    "msctl tree --watch",
    "msctl tree --json | jq '.data.children[].status.path'",
    "msctl tree --dot | dot -Tsvg > tree.svg",
))]
pub(crate) struct Tree {
    /// Actor to start from; default: the root
    path: Option<ActorPath>,
    /// Number of levels below the start
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// Print Graphviz instead of text or JSON
    #[arg(long, conflicts_with = "watch")]
    dot: bool,
    /// Redraw every second until Ctrl-C (exit code 130)
    #[arg(long)]
    watch: bool,
}

impl Tree {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        let mut client = cx.connect().await?;
        // Text and Graphviz do not nest, so only JSON needs the limit.
        let depth = match cx.json && !self.dot {
            true => Some(self.depth.unwrap_or(MAX_NESTED).min(MAX_NESTED)),
            false => self.depth,
        };
        // One connection for the whole watch: a request every second never lets it idle out.
        loop {
            let tree = client.tree(self.path.clone(), depth).await?;
            match (self.watch, cx.json, self.dot) {
                (true, true, _) => cx.out.json_line("tree", None, &tree)?,
                (true, false, _) => cx.out.screen(&render::tree(&tree, cx.out.style))?,
                (false, _, true) => return cx.out.text(&render::dot(&tree)),
                (false, true, false) => return cx.out.json("tree", &tree),
                (false, false, false) => return cx.out.text(&render::tree(&tree, cx.out.style)),
            }
            tokio::time::sleep(REDRAW).await;
        }
    }
}
