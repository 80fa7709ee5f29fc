//! Nobody changes a running system by accident.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use ms_control::{ControlError, codes};

use crate::exit::{Failure, Outcome, say};

/// Whether to ask: of every verb that changes something.
#[derive(Debug, Args)]
pub(crate) struct Yes {
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// How sure, and why: of the verbs whose outcome can be told before, and is on record.
#[derive(Debug, Args)]
pub(crate) struct Sure {
    /// Only show what it would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) yes: Yes,
    /// Why, for the record; at most 500 bytes
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// How a person agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// By `--yes`.
    Given,
    /// By an answer on the terminal; without one, this is what to do next.
    Ask(&'static str),
}

/// What to do next without consent, for verbs whose outcome can be told before.
pub(crate) const LOOK_FIRST: &str = "look at --dry-run, then repeat with --yes";
/// The same for the others.
pub(crate) const REPEAT: &str = "repeat with --yes";

/// How to ask; refuses at once where nobody could answer, and says what to do `next`.
pub(crate) fn consent(yes: &Yes, what: &str, next: &'static str) -> Result<Consent, Failure> {
    match (yes.yes, io::stdin().is_terminal()) {
        (true, _) => Ok(Consent::Given),
        (false, true) => Ok(Consent::Ask(next)),
        (false, false) => Err(unconfirmed(what, "there is no terminal to ask on", next)),
    }
}

impl Consent {
    /// Asks, where it was not given before.
    pub(crate) fn obtain(self, what: &str) -> Outcome {
        let Self::Ask(next) = self else { return Ok(()) };
        say(&format!("{what}? [y/N] "));
        match agreed(&mut io::stdin().lock())? {
            true => Ok(()),
            false => Err(unconfirmed(what, "the answer was not yes", next)),
        }
    }
}

fn agreed(from: &mut impl BufRead) -> io::Result<bool> {
    let mut answer = String::new();
    from.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn unconfirmed(what: &str, why: &str, next: &str) -> Failure {
    ControlError::new(&codes::UNCONFIRMED, format!("{what}: not confirmed, nothing was done"))
        .why(why)
        .next(next)
        .into()
}

#[cfg(test)]
mod tests {
    use super::agreed;

    #[test]
    fn only_yes_is_yes() {
        for (answer, expected) in
            [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("yep", false)]
        {
            assert_eq!(agreed(&mut answer.as_bytes()).expect("reads"), expected, "{answer:?}");
        }
    }
}
