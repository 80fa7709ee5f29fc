//! The names that actors and groups are registered under.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ms_core::ActorPath;
use serde::{Deserialize, Serialize};

/// Longest name, in bytes. A registry can have a lower bound.
pub const MAX_NAME: usize = 512;
/// Largest number of segments in a name.
pub const MAX_SEGMENTS: usize = 64;

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text, or a segment of it, is empty.
    #[error(
        "the name {0:?} has an empty segment; write it as services/mailer or /root/agents/crawler-3"
    )]
    Empty(String),
    /// The text is too long.
    #[error("a name of {bytes} bytes is longer than the {max} permitted; shorten it")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest permitted.
        max: usize,
    },
    /// The text has more than [`MAX_SEGMENTS`] segments.
    #[error("the name {0:?} has more than 64 segments; flatten it")]
    TooDeep(String),
    /// The text has a character outside the permitted set.
    #[error(
        "the name {name:?} has {found:?} at byte {at}; segments match ^[A-Za-z0-9][A-Za-z0-9_.:-]*$, so rename it"
    )]
    BadChar {
        /// The refused text.
        name: String,
        /// The character that is not permitted there.
        found: char,
        /// Its byte offset.
        at: usize,
    },
}

/// The name of an actor or a group: a path of the tree (`/root/agents/crawler-3`) or a
/// free name (`services/mailer`).
///
/// Segments match `^[A-Za-z0-9][A-Za-z0-9_.:-]*$`. So a name cannot climb (`..`), be a
/// hidden file or break a line, wherever it is used. Cloning is a reference count.
///
/// ```
/// use ms_registry::Name;
///
/// let name = Name::new("services/mailer")?;
/// assert!(name.is_within("services") && !name.is_within("serv"));
/// assert!(Name::new("../../etc/passwd").is_err());
/// # Ok::<(), ms_registry::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// Checks `text` and makes a name of it.
    ///
    /// # Errors
    /// [`NameError`] with the character or length at fault.
    pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
        let text = text.as_ref();
        // First, because the other checks walk over the whole text.
        if text.len() > MAX_NAME {
            return Err(NameError::TooLong { bytes: text.len(), max: MAX_NAME });
        }
        // A leading slash makes a path of the tree, not an empty segment.
        let start = usize::from(text.starts_with('/'));
        let mut at = start;
        for (number, segment) in text[start..].split('/').enumerate() {
            if number >= MAX_SEGMENTS {
                return Err(NameError::TooDeep(text.to_owned()));
            }
            if segment.is_empty() {
                return Err(NameError::Empty(text.to_owned()));
            }
            if let Some((within, found)) =
                segment.char_indices().find(|&(within, c)| !permitted(within, c))
            {
                return Err(NameError::BadChar { name: text.to_owned(), found, at: at + within });
            }
            at += segment.len() + 1;
        }
        Ok(Self(text.into()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last segment.
    #[must_use]
    pub fn last(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }

    /// Returns whether the name is `prefix` or lies below it, by whole segments. Every name lies
    /// below the empty prefix.
    #[must_use]
    pub fn is_within(&self, prefix: &str) -> bool {
        prefix.is_empty()
            || self.0.strip_prefix(prefix).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')
            })
    }
}

fn permitted(at: usize, c: char) -> bool {
    c.is_ascii_alphanumeric() || (at > 0 && matches!(c, '_' | '.' | ':' | '-'))
}

/// A conversion into a [`Name`], with a check: from texts, names and actor paths.
pub trait IntoName {
    /// Converts into a name.
    ///
    /// # Errors
    /// [`NameError`] when the text is not a valid name.
    fn into_name(self) -> Result<Name, NameError>;
}

impl IntoName for Name {
    fn into_name(self) -> Result<Name, NameError> {
        Ok(self)
    }
}

impl IntoName for &Name {
    fn into_name(self) -> Result<Name, NameError> {
        Ok(self.clone())
    }
}

impl IntoName for &str {
    fn into_name(self) -> Result<Name, NameError> {
        Name::new(self)
    }
}

impl IntoName for &String {
    fn into_name(self) -> Result<Name, NameError> {
        Name::new(self)
    }
}

impl IntoName for String {
    fn into_name(self) -> Result<Name, NameError> {
        Name::new(self)
    }
}

impl IntoName for &ActorPath {
    fn into_name(self) -> Result<Name, NameError> {
        Name::new(self.as_str())
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.as_str().to_owned()
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_climbs_hides_or_breaks_a_line() {
        for bad in
            ["", "/", "a//b", "a/", "//a", "../x", "a/../b", ".a", "a b", "a\nb", "ä", "a/-b"]
        {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
        for good in
            ["a", "/root", "/root/agents/crawler-3", "services/mailer", "db:primary", "v1.2/X_y"]
        {
            assert!(Name::new(good).is_ok(), "{good:?}");
        }
        assert!(Name::new("x".repeat(MAX_NAME + 1)).is_err());
        assert!(Name::new(vec!["x"; MAX_SEGMENTS + 1].join("/")).is_err());
    }

    #[test]
    fn the_error_points_at_the_character() {
        let error = Name::new("/root/a?b").expect_err("refused");
        assert_eq!(error, NameError::BadChar { name: "/root/a?b".to_owned(), found: '?', at: 7 });
    }
}
