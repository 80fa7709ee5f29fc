//! The id of a component.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{ChildId, IdError};

/// The name of a component, unique within a node: `^[a-z0-9][a-z0-9_-]{0,63}$`.
///
/// It is also the child id of the component's actor, and so a segment of its path.
///
/// ```
/// use ms_core::lifecycle::ComponentId;
/// assert!(ComponentId::new("task-store").is_ok());
/// assert!(ComponentId::new("../state").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComponentId(ChildId);

impl ComponentId {
    /// Checks `text` and makes an id of it.
    ///
    /// # Errors
    /// [`IdError`] says which character or length is at fault.
    pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
        ChildId::new(text).map(Self)
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the id its actor has under its supervisor.
    #[must_use]
    pub fn as_child(&self) -> &ChildId {
        &self.0
    }
}

impl From<ChildId> for ComponentId {
    fn from(id: ChildId) -> Self {
        Self(id)
    }
}

impl TryFrom<&str> for ComponentId {
    type Error = IdError;

    fn try_from(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl FromStr for ComponentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
