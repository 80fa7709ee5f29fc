//! Identifiers: child ids, actor paths and incarnation numbers.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest child id, in bytes.
pub const MAX_CHILD_ID: usize = 64;
/// Longest path, in path segments; a deeper tree is refused at its start.
pub const MAX_PATH_DEPTH: usize = 64;

/// The error for a text that is not an id or not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty.
    #[error("an id must not be empty; use 1 to 64 characters from a-z, 0-9, '-' and '_'")]
    Empty,
    /// The text is longer than [`MAX_CHILD_ID`] bytes.
    #[error("the id {0:?} is longer than 64 bytes; shorten it")]
    TooLong(String),
    /// A character outside the permitted set.
    #[error(
        "the id {id:?} has {found:?} at byte {at}; ids match ^[a-z0-9][a-z0-9_-]{{0,63}}$, so rename it"
    )]
    BadChar {
        /// The refused text.
        id: String,
        /// The character that is not permitted there.
        found: char,
        /// Its byte offset.
        at: usize,
    },
    /// A path that does not start with `/`.
    #[error("the path {0:?} is not absolute; start it with '/', as in /root/agents/crawler-3")]
    NotAbsolute(String),
    /// A path with more than [`MAX_PATH_DEPTH`] segments.
    #[error("the path {0:?} is deeper than 64 levels; flatten the tree")]
    TooDeep(String),
}

/// The ways a checked text comes in and goes out; its type has `new` and `as_str`.
macro_rules! checked_text {
    ($name:ident, $error:ty) => {
        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.as_str().to_owned()
            }
        }
    };
}
pub(crate) use checked_text;

/// A checked name of the narrow alphabet: `^[a-z0-9][a-z0-9_-]{0,63}$`.
macro_rules! segment {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and makes a name of it.
            ///
            /// # Errors
            /// [`IdError`](crate::IdError) says which character or length is at fault.
            pub fn new(text: impl AsRef<str>) -> Result<Self, crate::IdError> {
                let text = text.as_ref();
                crate::id::check_segment(text)?;
                Ok(Self(text.into()))
            }

            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        crate::id::checked_text!($name, crate::IdError);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}
pub(crate) use segment;

segment! {
    /// The name of a child, unique within its supervisor.
    ///
    /// Ids become path segments, metric names and file names, so the alphabet is
    /// narrow: `^[a-z0-9][a-z0-9_-]{0,63}$`. Cloning is a reference count.
    ///
    /// ```
    /// use ms_core::ChildId;
    /// assert!(ChildId::new("crawler-3").is_ok());
    /// assert!(ChildId::new("../../etc").is_err());
    /// ```
    ChildId
}

impl TryFrom<&str> for ChildId {
    type Error = IdError;

    fn try_from(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl Borrow<str> for ChildId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

pub(crate) fn check_segment(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_CHILD_ID {
        return Err(IdError::TooLong(text.to_owned()));
    }
    // So narrow that no id leaves a directory or forges a line of a log.
    let permitted = |at: usize, byte: u8| {
        matches!(byte, b'a'..=b'z' | b'0'..=b'9') || (at > 0 && matches!(byte, b'-' | b'_'))
    };
    let bad = text.bytes().enumerate().position(|(at, byte)| !permitted(at, byte));
    // All before it is ASCII: it begins a character.
    match bad.and_then(|bad| text[bad..].chars().next().map(|found| (bad, found))) {
        Some((at, found)) => Err(IdError::BadChar { id: text.to_owned(), found, at }),
        None => Ok(()),
    }
}

/// The place of an actor in the tree: `/root/agents/crawler-3`.
///
/// A path stays the same over restarts; [`Incarnation`] tells one life from the
/// next. Cloning is a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActorPath(Arc<str>);

impl ActorPath {
    /// Returns the path of a root named `id`.
    #[must_use]
    pub fn root(id: &ChildId) -> Self {
        Self(format!("/{id}").into())
    }

    /// Checks `text` and makes a path of it.
    ///
    /// # Errors
    /// [`IdError`] when it is not absolute, too deep, or a segment is no id.
    pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
        let text = text.as_ref();
        let Some(rest) = text.strip_prefix('/') else {
            return Err(IdError::NotAbsolute(text.to_owned()));
        };
        if rest.split('/').count() > MAX_PATH_DEPTH {
            return Err(IdError::TooDeep(text.to_owned()));
        }
        rest.split('/').try_for_each(check_segment)?;
        Ok(Self(text.into()))
    }

    /// Returns the path of the child `id` below this one.
    #[must_use]
    pub fn child(&self, id: &ChildId) -> Self {
        let (parent, id) = (self.as_str(), id.as_str());
        // Put together on the stack if it fits: a string in between is a measurable part of the
        // start of a child.
        let (slash, end) = (parent.len(), parent.len() + 1 + id.len());
        let mut room = [b'/'; 128];
        if let Some(text) = room.get_mut(..end) {
            text[..slash].copy_from_slice(parent.as_bytes());
            text[slash + 1..].copy_from_slice(id.as_bytes());
            if let Ok(text) = std::str::from_utf8(text) {
                return Self(text.into());
            }
        }
        Self([parent, "/", id].concat().into())
    }

    /// Returns the path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        // A byte of another character is never a slash.
        let start = self.0.bytes().rposition(|byte| byte == b'/').map_or(0, |slash| slash + 1);
        &self.0[start..]
    }

    /// Returns the path above, `None` at a root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let at = self.0.rfind('/')?;
        (at > 0).then(|| Self(self.0[..at].into()))
    }

    /// Segments from the root.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }

    /// Returns whether `self` is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        // By whole segments: `/root/agents-2` is not below `/root/agents`.
        self.0
            .strip_prefix(other.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

checked_text!(ActorPath, IdError);

impl fmt::Display for ActorPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ActorPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of one start of a child; 1 is the first.
///
/// A message about an older incarnation is recognised by its number and dropped.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

impl Incarnation {
    /// No start yet.
    pub const NONE: Self = Self(0);

    /// Returns the number of the next start.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
