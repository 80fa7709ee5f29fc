//! Ids of requests, by which a repeat is known.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest id, in characters.
pub(crate) const MAX: usize = 128;

/// The id of one request, chosen by its caller: a UUID, say.
///
/// A request that is sent again with its id is carried out once. The desk remembers the ids of the
/// last 4,096 requests, each for ten minutes: within that time the second request is given the
/// answer of the first, and waits for it if need be. An answer that says that nothing was done and
/// that the same may be asked again (503) is not remembered. The id of another request is a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId(Arc<str>);

/// The error for a text that is not a [`RequestId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request id has 1 to {MAX} visible ASCII characters; this text is not one")]
pub struct RequestIdError;

impl RequestId {
    /// Makes an id.
    ///
    /// # Errors
    /// [`RequestIdError`], unless it has 1 to 128 visible ASCII characters.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, RequestIdError> {
        let text = text.into();
        // No spaces and no control characters: errors quote the id.
        let good = (1..=MAX).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic());
        if good { Ok(Self(text)) } else { Err(RequestIdError) }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        Self::new(text)
    }
}

impl TryFrom<String> for RequestId {
    type Error = RequestIdError;

    fn try_from(text: String) -> Result<Self, RequestIdError> {
        Self::new(text)
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        (*id.0).to_owned()
    }
}
