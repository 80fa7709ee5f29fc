//! The part of an input that is not valid, and the reason.

/// One part of an input that is not what it has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Invalid {
    /// Which part of the input, as a path from its top: `url`, `headers.accept`, `[3].name`; `.`
    /// for the input as a whole.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub why: String,
}

impl Invalid {
    /// Names one part of the input, and what is wrong with it.
    pub fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into() }
    }
}
