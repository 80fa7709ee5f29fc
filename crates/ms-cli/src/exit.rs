//! The end of msctl: its exit codes, and what it prints on stderr.

use std::io::{self, Write};
use std::process::ExitCode;

use ms_config::ConfigErrors;
use ms_control::{ControlError, Kind};

use crate::render::clean;

/// Exit code after Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// The failure of a verb.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The node refused, or the connection to it failed.
    Control(Box<ControlError>),
    /// `explain` was asked for an unknown code.
    NoSuchCode(String),
    /// Standard output or input failed.
    Io(io::Error),
    /// A configuration is wrong.
    Config(ConfigErrors),
}

/// The result of a verb.
pub(crate) type Outcome = Result<(), Failure>;

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::Control(Box::new(error))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Prints what went wrong and returns the exit code.
pub(crate) fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has seen enough: `msctl ps | head` is no failure.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Io(error)) => {
            say(&format!("error: {error}\n"));
            ExitCode::FAILURE
        }
        Err(Failure::Config(errors)) => {
            errors.lines().for_each(|line| say(&format!("error: {}\n", clean(&line))));
            // 8 or 78: scripts can tell a configuration that is wrong from one that is unsafe.
            errors.exit_code().into()
        }
        Err(Failure::NoSuchCode(code)) => {
            let code = clean(&format!("{code:?}"));
            say(&format!(
                "error: there is no error code {code}\n  next: `msctl explain` lists the codes\n"
            ));
            Kind::NotFound.exit_code().into()
        }
        Err(Failure::Control(error)) => {
            say(&described(&error));
            error.kind.exit_code().into()
        }
    }
}

fn described(error: &ControlError) -> String {
    let mut text = format!("error[{}]: {}\n", clean(&error.code), clean(&error.what));
    for (label, line) in [("why", &error.why), ("next", &error.next)] {
        if !line.is_empty() {
            text.push_str(&format!("  {label}: {}\n", clean(line)));
        }
    }
    // A newer node may send a code that this msctl cannot explain.
    if ms_control::codes::find(&error.code).is_some() {
        text.push_str(&format!("  more: msctl explain {}\n", error.code));
    }
    text
}

/// Writes to stderr; a failure of that has nowhere to go.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_printed_in_full_and_cannot_forge_a_line() {
        let error =
            ControlError::new(&ms_control::codes::REFUSED, "no \x1b[31m\nerror[MS0000]: forged")
                .why("w")
                .next("n");
        assert_eq!(
            described(&error),
            "error[MS0011]: no \\u{1b}[31m\\nerror[MS0000]: forged\n  why: w\n  next: n\n  \
             more: msctl explain MS0011\n"
        );
    }
}
