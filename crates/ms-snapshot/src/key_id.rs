//! The names of keys.

use std::fmt;

/// Longest key id, in bytes.
const MAX_ID: usize = 32;

/// The name of a key, stored in clear in every file the key seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(String);

impl KeyId {
    /// Returns the id, or `None` when the text is not `[A-Za-z0-9_-]{1,32}`.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let fine = (1..=MAX_ID).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        fine.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
