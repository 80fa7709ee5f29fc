//! What a contender measures in one sample, and how it says that it cannot.

use serde::{Deserialize, Serialize};

/// The threads of a workload's actors. Its senders are on the main thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Everything on one thread: one actix system, one `current_thread` runtime, one scheduler.
    One,
    /// Actors on a second thread with a loop of its own: an arbiter, or a second
    /// `current_thread` runtime. Erlang gets two schedulers.
    Two,
}

/// The measurement of a contender: a value for each figure of the workload, in its base unit (1/s, s,
/// bytes), and a note for readers if the method differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) values: Vec<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl Measured {
    pub(crate) fn one(value: f64) -> Self {
        Self { values: vec![value], note: None }
    }

    pub(crate) fn note(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }
}

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum NoFigure {
    /// The contender has no such feature. The table shows `-` and the reason.
    #[error("{0}")]
    Lacks(String),
    /// The contender does not take part, and is not shown.
    #[error("not part of this workload")]
    Apart,
}

impl NoFigure {
    pub(crate) fn lacks(reason: &str) -> Self {
        Self::Lacks(reason.to_owned())
    }
}

pub(crate) type Sample = Result<Measured, NoFigure>;

/// Scales the size `full`, but not below `least`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sizes are far below 2^52 and scales positive"
)]
pub(crate) fn scaled(full: u64, scale: f64, least: u64) -> u64 {
    ((full as f64 * scale) as u64).max(least)
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn a_scale_shrinks_a_size_but_not_below_what_it_needs() {
        assert_eq!(scaled(1_000_000, 1.0, 1), 1_000_000);
        assert_eq!(scaled(1_000_000, 0.01, 1), 10_000);
        assert_eq!(scaled(1_000, 0.000_1, 8), 8);
    }
}
