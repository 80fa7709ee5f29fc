//! The question before a change: nobody changes a running system by accident.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use ms_control::{ControlError, codes};

use crate::exit::{Failure, Outcome, say};

/// The option of every verb that changes something.
#[derive(Debug, Args)]
pub(crate) struct Yes {
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// The options of verbs whose outcome can be predicted and is recorded.
#[derive(Debug, Args)]
pub(crate) struct Sure {
    /// Show what it would do, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) yes: Yes,
    /// The reason, for the record; at most 500 characters
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// The consent of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// By `--yes`.
    Given,
    /// By an answer on the terminal; the text is the advice when the answer is no.
    Ask(&'static str),
}

/// The advice without consent, for verbs whose outcome can be predicted.
pub(crate) const LOOK_FIRST: &str = "look at --dry-run, then repeat with --yes";
/// The advice for the other verbs.
pub(crate) const REPEAT: &str = "repeat with --yes";

/// Decides how consent is given.
///
/// Without `--yes` and without a terminal it refuses at once: a script that waits for an answer
/// which nobody can give hangs, and one that takes silence for a yes does harm.
pub(crate) fn consent(yes: &Yes, what: &str, next: &'static str) -> Result<Consent, Failure> {
    // Standard input decides, because the answer is read from it; stdout may well be a pipe.
    match (yes.yes, io::stdin().is_terminal()) {
        (true, _) => Ok(Consent::Given),
        (false, true) => Ok(Consent::Ask(next)),
        (false, false) => Err(unconfirmed(what, "there is no terminal to ask on", next)),
    }
}

impl Consent {
    /// Asks for consent unless `--yes` gave it.
    pub(crate) fn obtain(self, what: &str) -> Outcome {
        let Self::Ask(next) = self else { return Ok(()) };
        // On stderr: stdout may go into a file, where nobody would see the question.
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
    // Everything else is a no, an empty line and the end of the input included.
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
