//! The grammar of the command line, and the way from it to a verb.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ms_control::Client;
use ms_control::discover::Places;

use crate::exit::{Failure, Outcome};
use crate::output::Out;
use crate::verbs::{
    budget, call, completions, config, events, explain, info, inject, inspect, lookup, metrics, ps,
    state, stats, steer, tasks, trace, tree, why,
};

/// Ends each `--help`: the verb's examples and the exit codes.
macro_rules! after_help {
    ($($example:literal),+ $(,)?) => {
        concat!(
            "EXAMPLES\n", $("  ", $example, "\n",)+
            "\nEXIT STATUS\n",
            "  0  ok                 5  refused, or not confirmed\n",
            "  1  failed             6  timed out\n",
            "  2  usage              9  version mismatch\n",
            "  3  unreachable        8  configuration invalid\n",
            "  4  not found         78  configuration unsafe\n",
            "                      130  interrupted",
        )
    };
}
pub(crate) use after_help;

/// Shows and steers the supervision tree of a running node.
///
/// msctl finds the node by itself when one is running; --control or MS_CONTROL
/// name its socket otherwise. Reading verbs change nothing. Steering verbs show
/// what would happen, ask, and are recorded by the node.
#[derive(Debug, Parser)]
#[command(name = "msctl", version, disable_help_subcommand = true, verbatim_doc_comment)]
#[command(after_help = after_help!(
    "msctl tree                             the whole tree, with what needs a look marked",
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
    /// Longest wait for an answer, at most 2s inside the node
    #[arg(long, global = true, value_name = "TIME", default_value = "2s", value_parser = span)]
    timeout: Duration,
    /// Versioned JSON instead of text; one document a line from streams
    #[arg(long, global = true)]
    json: bool,
    /// Only ASCII in drawings
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

/// What every verb is given.
#[derive(Debug)]
pub(crate) struct Cx {
    control: Option<PathBuf>,
    timeout: Duration,
    /// Whether to answer in JSON.
    pub(crate) json: bool,
    /// Where to answer.
    pub(crate) out: Out,
}

impl Cx {
    /// Finds the node and connects to it.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let path = Places::from_env().find(self.control.as_deref()).await?;
        Ok(Client::connect(&path, self.timeout).await?)
    }
}

impl Cli {
    /// Carries the verb out.
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
            Verb::Explain(verb) => verb.run(&cx),
            Verb::Config(verb) => verb.run(&cx),
            Verb::Completions(verb) => verb.run(&cx),
        }
    }
}

/// A time as people write it: `250ms`, `5s`, `1m`, `1h`; a bare number is seconds.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("write it as 250ms, 5s, 1m or 1h".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write it as 250ms, 5s, 1m or 1h".to_owned())?;
    match number.checked_mul(scale) {
        Some(millis @ 1..=86_400_000) => Ok(Duration::from_millis(millis)),
        _ => Err("it must be between 1ms and 24h".to_owned()),
    }
}

/// Milliseconds of a time from [`span`], which fits.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

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

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, ms) in
            [("250ms", 250), ("5s", 5_000), ("5", 5_000), ("1m", 60_000), ("1h", 3_600_000)]
        {
            assert_eq!(span(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "s", "0s", "-1s", "1.5s", "5 s", "25h", "99999999999999999999s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
