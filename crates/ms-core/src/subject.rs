//! Subjects and filters: the names that events are published on, and the patterns that select them.
//!
//! Both are tokens between dots. A subject has none but plain ones; in a filter `*` stands for
//! exactly one token, and `>` at the end for one or more, as in NATS.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest subject or filter, in bytes.
pub const MAX_BYTES: usize = 255;
/// Most tokens of a subject or filter.
pub const MAX_TOKENS: usize = 16;
/// The wildcard for exactly one token.
pub const ONE: &str = "*";
/// The wildcard for one or more tokens, at the end.
pub const TAIL: &str = ">";

/// The error for a text that is not a subject, or not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// The text is empty.
    #[error("a subject must not be empty; write tokens between dots, such as orders.eu.created")]
    Empty,
    /// The text is longer than [`MAX_BYTES`].
    #[error("a subject of {bytes} bytes is longer than the {MAX_BYTES} permitted; shorten it")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// There are too many tokens.
    #[error("a subject of {tokens} tokens has more than the {MAX_TOKENS} permitted; join some")]
    TooManyTokens {
        /// How many.
        tokens: usize,
    },
    /// There is nothing between two dots, or before the first or behind the last.
    #[error("token {at} of {text:?} is empty; remove the dot, or write a token")]
    EmptyToken {
        /// The text.
        text: String,
        /// Which token, from 1.
        at: usize,
    },
    /// A token has a character that is not permitted.
    #[error("token {at} of {text:?} contains {found:?}; use ASCII letters, digits, '-' and '_'")]
    BadCharacter {
        /// The text.
        text: String,
        /// Which token, from 1.
        at: usize,
        /// The character.
        found: char,
    },
    /// An event is about one subject; only filters have wildcards.
    #[error(
        "{text:?} contains a wildcard; publish on a subject without one, wildcards are for filters"
    )]
    Wildcard {
        /// The text.
        text: String,
    },
    /// `>` stands for what follows, so nothing can follow it.
    #[error(
        "{text:?} has tokens after '>', which matches all the rest and must be last; use '*' for one token"
    )]
    RestNotLast {
        /// The text.
        text: String,
    },
}

/// The subject of an event: `orders.eu.created`.
///
/// ```
/// use ms_core::subject::{Filter, Subject};
///
/// let subject: Subject = "orders.eu.created".parse()?;
/// assert!("orders.*.created".parse::<Filter>()?.matches(&subject));
/// assert!("orders.>".parse::<Filter>()?.matches(&subject));
/// assert!(!"orders.*".parse::<Filter>()?.matches(&subject));
/// let error = "orders..created".parse::<Subject>().unwrap_err();
/// assert!(error.to_string().contains("token 2"));
/// # Ok::<(), ms_core::subject::SubjectError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(Arc<str>);

/// A pattern of subjects: `orders.*.created`, `orders.>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Filter(Arc<str>);

impl Subject {
    /// Checks `text` and makes a subject of it.
    ///
    /// # Errors
    /// [`SubjectError`] says what is wrong, and where.
    pub fn new(text: &str) -> Result<Self, SubjectError> {
        check(text, false)?;
        Ok(Self(text.into()))
    }
}

impl Filter {
    /// Checks `text` and makes a filter of it.
    ///
    /// # Errors
    /// [`SubjectError`] says what is wrong, and where.
    pub fn new(text: &str) -> Result<Self, SubjectError> {
        check(text, true)?;
        Ok(Self(text.into()))
    }

    /// Returns whether events on this subject are wanted.
    #[must_use]
    pub fn matches(&self, subject: &Subject) -> bool {
        let mut tokens = subject.tokens();
        for wanted in self.tokens() {
            match (wanted, tokens.next()) {
                // `check` permits `>` at the end only.
                (TAIL, Some(_)) => return true,
                (ONE, Some(_)) => {}
                (wanted, Some(found)) if wanted == found => {}
                _ => return false,
            }
        }
        tokens.next().is_none()
    }
}

// One check for both, so that each subject is a valid filter and `Filter::from` needs no other.
fn check(text: &str, wildcards: bool) -> Result<(), SubjectError> {
    if text.is_empty() {
        return Err(SubjectError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(SubjectError::TooLong { bytes: text.len() });
    }
    let tokens = text.split('.').count();
    if tokens > MAX_TOKENS {
        return Err(SubjectError::TooManyTokens { tokens });
    }
    text.split('.').zip(1..).try_for_each(|(token, at)| match token {
        "" => Err(SubjectError::EmptyToken { text: text.to_owned(), at }),
        ONE | TAIL if !wildcards => Err(SubjectError::Wildcard { text: text.to_owned() }),
        TAIL if at < tokens => Err(SubjectError::RestNotLast { text: text.to_owned() }),
        ONE | TAIL => Ok(()),
        _ => match token.chars().find(|one| !is_permitted(*one)) {
            Some(found) => Err(SubjectError::BadCharacter { text: text.to_owned(), at, found }),
            None => Ok(()),
        },
    })
}

const fn is_permitted(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

macro_rules! text {
    ($($name:ident),*) => {$(
        impl $name {
            /// Returns it as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns its tokens, in order.
            pub fn tokens(&self) -> impl Iterator<Item = &str> {
                self.0.split('.')
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = SubjectError;

            fn from_str(text: &str) -> Result<Self, SubjectError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = SubjectError;

            fn try_from(text: String) -> Result<Self, SubjectError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

text!(Subject, Filter);

impl From<&Subject> for Filter {
    /// Returns the filter that wants this subject alone.
    fn from(subject: &Subject) -> Self {
        Self(Arc::clone(&subject.0))
    }
}
