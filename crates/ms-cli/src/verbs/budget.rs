//! `msctl budget ls`, `show`, `raise`

use clap::{Args, Subcommand};
use ms_control::{Client, ControlError, codes};
use ms_core::ActorPath;
use ms_core::budget::{AccountView, WALL_US};

use crate::args::{after_help, span};
use crate::confirm::{LOOK_FIRST, Sure, consent};
use crate::context::Cx;
use crate::exit::{Failure, Outcome, say};
use crate::render;

/// Show the budgets of agents, and raise them
///
/// The program sets a budget for one path; the agents at and below that path share it.
/// Over budget they are suspended, and go on when it is raised.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl budget ls",
    "msctl budget show /root/agents/crawler-3",
    "msctl budget raise /root/agents tokens 50000 --yes --reason 'end of the month'",
))]
pub(crate) struct Budget {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all budgets and their use
    #[command(after_help = after_help!(
        "msctl budget ls",
        "msctl budget ls --json | jq -r '.data[].account'",
    ))]
    Ls,
    /// Show the budgets that an actor draws on
    #[command(after_help = after_help!("msctl budget show /root/agents/crawler-3"))]
    Show {
        /// Path of an actor or of a budget
        path: ActorPath,
    },
    Raise(Raise),
}

/// Raise one unit of a budget; agents that it has suspended go on
///
/// The raise outlives restarts of a node that stores its budgets, as ms-server does.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = after_help!(
    "msctl budget raise /root/agents messages 100 --dry-run",
    "msctl budget raise /root/agents wall_us 10m --yes",
    "msctl budget raise /root/agents tokens 50000 --yes --reason 'end of the month'",
))]
struct Raise {
    /// Path of the budget
    path: ActorPath,
    /// Unit to raise: messages, wall_us, or one of the program's own
    unit: String,
    /// Amount to add; for wall_us also a time, such as 10m
    more: String,
    #[command(flatten)]
    sure: Sure,
}

impl Budget {
    pub(crate) async fn run(self, cx: &Cx) -> Outcome {
        match self.verb {
            Verb::Ls => list(&cx.connect().await?.budgets().await?, cx),
            Verb::Show { path } => {
                let mut budgets = cx.connect().await?.budgets().await?;
                // An actor draws on the budgets of all paths above it.
                budgets.retain(|budget| path.is_within(&budget.account));
                match budgets.is_empty() {
                    true => Err(none(format!("{path} draws on no budget"))),
                    false => list(&budgets, cx),
                }
            }
            Verb::Raise(raise) => raise.run(cx).await,
        }
    }
}

fn list(budgets: &[AccountView], cx: &Cx) -> Outcome {
    match cx.json {
        true => cx.out.json("budgets", &budgets),
        false => cx.out.text(&render::budgets(budgets, cx.out.style)),
    }
}

fn none(what: String) -> Failure {
    ControlError::new(&codes::NO_BUDGET, what)
        .next("`msctl budget ls` shows the budgets of this node, and their units")
        .into()
}

impl Raise {
    async fn run(self, cx: &Cx) -> Outcome {
        let more = amount(&self.unit, &self.more)?;
        let Self { path, unit, sure: Sure { dry_run, yes, reason }, .. } = self;
        let would = would_be(&mut cx.connect().await?, &path, &unit, more).await?;
        if dry_run {
            return match cx.json {
                true => cx.out.json("budget_dry_run", &would),
                false => cx.out.text(&render::budgets(&[would], cx.out.style)),
            };
        }
        let what = format!("raise the {} of {path} by {more}", render::clean(&unit));
        let consent = consent(&yes, &what, LOOK_FIRST)?;
        say(&format!("it would be\n{}", render::budgets(&[would], render::Style::PLAIN)));
        consent.obtain(&what)?;
        // A new connection: the node closes one that idles while a person thinks.
        let raised = cx.connect().await?.raise_budget(path, unit, more, reason).await?;
        match cx.json {
            true => cx.out.json("budget_raised", &raised),
            false => cx.out.text(&render::budgets(&[raised], cx.out.style)),
        }
    }
}

/// Returns the budget as it would be.
async fn would_be(
    client: &mut Client,
    path: &ActorPath,
    unit: &str,
    more: u64,
) -> Result<AccountView, Failure> {
    // Predicted here, as a raise is an addition and the node has no dry run of it.
    let budgets = client.budgets().await?;
    let found = budgets.into_iter().find(|budget| budget.account == *path);
    let mut budget = found.ok_or_else(|| none(format!("there is no budget for {path}")))?;
    match budget.units.get_mut(unit) {
        Some(usage) => usage.limit = usage.limit.saturating_add(more),
        None => return Err(none(format!("the budget for {path} does not limit {unit:?}"))),
    }
    Ok(budget)
}

/// Reads an amount: a whole number, or for `wall_us` a time such as `10m`.
fn amount(unit: &str, text: &str) -> Result<u64, Failure> {
    // A bare number first: of `wall_us` it is microseconds, where `span` would read seconds.
    let number = text.parse().ok().filter(|more| *more > 0);
    let time = || {
        let time = span(text).ok().filter(|_| unit == WALL_US)?;
        u64::try_from(time.as_micros()).ok()
    };
    number.or_else(time).ok_or_else(|| {
        let what = format!("a budget cannot be raised by {text:?} of {unit:?}");
        ControlError::bad_request(what)
            .next("write a whole number from 1; for wall_us also a time such as 10m")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_numbers_and_time_is_read_as_people_write_it() {
        for (unit, text, wanted) in [
            ("messages", "5", 5),
            ("wall_us", "7", 7),
            ("wall_us", "10m", 600_000_000),
            ("tokens", "18446744073709551615", u64::MAX),
        ] {
            assert_eq!(amount(unit, text).expect("an amount"), wanted, "{unit} {text}");
        }
        for (unit, text) in [("messages", "10m"), ("tokens", "0"), ("tokens", "-1"), ("tokens", "")]
        {
            assert!(amount(unit, text).is_err(), "{unit} {text}");
        }
    }
}
