//! The grammar of the command line, and the way from there to a verb.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::args::{after_help, span};
use crate::context::Cx;
use crate::exit::Outcome;
use crate::output::Out;
use crate::verbs::{
    budget, call, completions, config, events, explain, info, inject, inspect, lookup, metrics, ps,
    state, stats, steer, tasks, trace, tree, why,
};

/// Shows and steers the supervision tree of a running node.
///
/// msctl finds the node by itself when only one is running; otherwise --control or
/// MS_CONTROL names its socket. Reading verbs change nothing. Steering verbs show
/// what would happen, ask, and are recorded by the node.
#[derive(Debug, Parser)]
#[command(name = "msctl", version, disable_help_subcommand = true, verbatim_doc_comment)]
#[command(after_help = after_help!(
    "msctl tree                             the whole tree; what needs attention is marked",
    "msctl ps --sort queue --top 10         the ten longest mailboxes",
    "msctl why /root/agents/crawler-3       why it died last, with file and line",
    "msctl kill /root/agents/crawler-3 --dry-run",
    "msctl explain MS0012                   the long text of an error code",
))]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Control socket of the node; default: $MS_CONTROL, else the only running node
    #[arg(long, global = true, value_name = "PATH")]
    control: Option<PathBuf>,
    /// Longest wait for an answer; the node grants at most 5m
    #[arg(long, global = true, value_name = "TIME", default_value = "2s", value_parser = span)]
    timeout: Duration,
    /// Print versioned JSON instead of text; streams print one document a line
    #[arg(long, global = true)]
    json: bool,
    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    ascii: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Tree(tree::Tree),
    Ps(ps::Ps),
    Inspect(inspect::Inspect),
    State(state::State),
    Why(why::Why),
    Stats(stats::Stats),
    Lookup(lookup::Lookup),
    Tasks(tasks::Tasks),
    Budget(budget::Budget),
    #[command(flatten)]
    Steer(steer::Steer),
    Trace(trace::Trace),
    Events(events::Events),
    Info(info::Info),
    Metrics(metrics::Metrics),
    Inject(inject::Inject),
    Call(call::Call),
    Explain(explain::Explain),
    Config(config::Config),
    Completions(completions::Completions),
}

impl Cli {
    /// Runs the verb.
    pub(crate) async fn run(self) -> Outcome {
        let Global { control, timeout, json, ascii } = self.global;
        let cx = Cx { control, timeout, json, out: Out::new(ascii) };
        match self.verb {
            Verb::Tree(verb) => verb.run(&cx).await,
            Verb::Ps(verb) => verb.run(&cx).await,
            Verb::Inspect(verb) => verb.run(&cx).await,
            Verb::State(verb) => verb.run(&cx).await,
            Verb::Why(verb) => verb.run(&cx).await,
            Verb::Stats(verb) => verb.run(&cx).await,
            Verb::Lookup(verb) => verb.run(&cx).await,
            Verb::Tasks(verb) => verb.run(&cx).await,
            Verb::Budget(verb) => verb.run(&cx).await,
            Verb::Steer(verb) => verb.run(&cx).await,
            Verb::Trace(verb) => verb.run(&cx).await,
            Verb::Events(verb) => verb.run(&cx).await,
            Verb::Info(verb) => verb.run(&cx).await,
            Verb::Metrics(verb) => verb.run(&cx).await,
            Verb::Inject(verb) => verb.run(&cx).await,
            Verb::Call(verb) => verb.run(&cx).await,
            // These three ask no node and wait for nothing.
            Verb::Explain(verb) => verb.run(&cx),
            Verb::Config(verb) => verb.run(&cx),
            Verb::Completions(verb) => verb.run(&mut Self::command(), &cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound_and_every_verb_has_examples_and_exit_codes() {
        let command = Cli::command();
        command.clone().debug_assert();
        let verbs: Vec<_> = command.get_subcommands().cloned().collect();
        let below = verbs.iter().flat_map(clap::Command::get_subcommands).cloned();
        for mut verb in verbs.iter().cloned().chain(below.filter(|verb| verb.get_name() != "help"))
        {
            let help = verb.render_long_help().to_string();
            assert!(help.contains("EXAMPLES\n  msctl "), "{}", verb.get_name());
            assert!(help.contains("EXIT STATUS\n  0  ok"), "{}", verb.get_name());
            assert!(help.contains(" 78  configuration unsafe\n"), "{}", verb.get_name());
        }
    }
}
