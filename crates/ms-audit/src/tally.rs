//! The account of a run, and its check.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The input and the output of a run, as counts.
///
/// `input` must be counted where the files are listed and the rest where they
/// end, or the check proves nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Files and unreadable directories that were listed.
    pub input: u64,
    /// Files audited.
    pub done: u64,
    /// Files set aside.
    pub quarantined: u64,
    /// Restarts of actors during the run.
    pub restarts: u64,
    /// Lines with the word `unsafe`.
    pub unsafe_lines: u64,
}

/// The input and the output of a run differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the counts do not add up: {input} files in, but {done} done and {quarantined} quarantined; this is a bug, please report it with audit.json"
)]
pub struct Unbalanced {
    /// Files listed.
    pub input: u64,
    /// Files audited.
    pub done: u64,
    /// Files set aside.
    pub quarantined: u64,
}

impl Tally {
    /// Checks that nothing was lost and nothing was counted twice.
    ///
    /// # Errors
    /// [`Unbalanced`] unless `input = done + quarantined`.
    pub fn check(&self) -> Result<(), Unbalanced> {
        let Self { input, done, quarantined, .. } = *self;
        match done.checked_add(quarantined) {
            Some(sum) if sum == input => Ok(()),
            _ => Err(Unbalanced { input, done, quarantined }),
        }
    }
}

/// The last line of standard output.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, done, quarantined, restarts, unsafe_lines } = self;
        write!(
            f,
            "audit: in={input} done={done} quarantined={quarantined} restarts={restarts} unsafe_lines={unsafe_lines}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_its_fixed_form() {
        let tally = Tally { input: 5, done: 4, quarantined: 1, restarts: 3, unsafe_lines: 9 };
        assert_eq!(tally.to_string(), "audit: in=5 done=4 quarantined=1 restarts=3 unsafe_lines=9");
        assert_eq!(tally.check(), Ok(()));
    }

    #[test]
    fn a_lost_file_and_a_double_count_are_both_found() {
        let tally = Tally { input: 5, done: 4, ..Tally::default() };
        assert!(tally.check().is_err());
        assert!(Tally { done: 6, ..tally }.check().is_err());
        assert!(Tally { done: u64::MAX, quarantined: 6, ..tally }.check().is_err());
    }
}
