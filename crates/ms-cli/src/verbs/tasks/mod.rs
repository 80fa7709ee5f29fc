//! `msctl tasks`: the durable tasks of a node.

mod show;
mod steer;
mod submit;

use clap::{Args, Subcommand};

use crate::args::after_help;
use crate::context::Cx;
use crate::exit::Outcome;

/// Show, submit, cancel and retry the durable tasks of a node
///
/// An accepted task ends in one of four ways: completed, failed, cancelled or dead.
/// Dead tasks, whose attempts are used up, wait for somebody to look and retry.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl tasks ls --state running",
    "msctl tasks submit mailer '{\"to\":\"ada@example.org\"}' --key order-4711",
    "msctl tasks dead --kind mailer",
    "msctl tasks replay --kind mailer --dry-run",
))]
pub(crate) struct Tasks {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ls(show::Ls),
    Dead(show::Dead),
    Show(show::Show),
    Submit(submit::Submit),
    Cancel(steer::Cancel),
    Retry(steer::Retry),
    Replay(steer::Replay),
}

impl Tasks {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        match self.verb {
            Verb::Ls(verb) => verb.run(cx).await,
            Verb::Dead(verb) => verb.run(cx).await,
            Verb::Show(verb) => verb.run(cx).await,
            Verb::Submit(verb) => verb.run(cx).await,
            Verb::Cancel(verb) => verb.run(cx).await,
            Verb::Retry(verb) => verb.run(cx).await,
            Verb::Replay(verb) => verb.run(cx).await,
        }
    }
}
