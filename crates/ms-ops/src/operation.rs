//! An operation: a type that carries everything a door needs to know of it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::OpError;
use crate::policy::Action;
use crate::request_id::RequestId;
use crate::target::Target;

/// The effect of an operation on the system, which decides what is put on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Changes nothing, and ends when its caller leaves.
    Read,
    /// Brings something new, such as a task; goes on when its caller leaves.
    Write,
    /// Changes the running system; goes on when its caller leaves, and is always on record.
    Steer,
    /// Goes on, item by item, until it ends or its caller leaves.
    Watch,
}

impl Kind {
    /// Returns whether it goes on when its caller has left.
    #[must_use]
    pub const fn outlives_its_caller(self) -> bool {
        matches!(self, Self::Write | Self::Steer)
    }
}

/// A request to a node.
///
/// [`operation!`](crate::operation!) implements it, with [`Listed`](crate::Listed): its bounds, its
/// schema, and its row of the table.
pub trait Operation:
    Clone + PartialEq + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The answer; for a [`Kind::Watch`], one item.
    type Answer: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Its name at every door that goes by name: `tasks.cancel`. A label for metrics.
    const NAME: &'static str;
    /// What a caller must be permitted.
    const ACTION: Action;
    /// Its effect on the system.
    const KIND: Kind;
    /// The version of the schema in which it appeared.
    const SINCE: u16;
    /// Its documentation, as it stands above its type.
    const DOC: &'static str;

    /// Returns what it is aimed at.
    fn target(&self) -> Target<'_>;

    /// Returns its verb for the record: `kill`, `task cancel ID`.
    fn verb(&self) -> String {
        Self::NAME.to_owned()
    }

    /// Returns the reason given for it, for the record.
    fn reason(&self) -> Option<&str> {
        None
    }

    /// Returns the id by which a repeat of it is known; every [`Kind::Steer`] has room for one.
    fn request_id(&self) -> Option<&RequestId> {
        None
    }

    /// Returns details of a success, for the record.
    fn outcome(_answer: &Self::Answer) -> Option<String> {
        None
    }

    /// Returns the time it takes by its nature, on top of any deadline.
    fn takes(&self) -> Duration {
        Duration::ZERO
    }

    /// Checks that its fields are within their bounds.
    ///
    /// # Errors
    /// A `BAD_REQUEST` that names the field and its bound.
    fn bounds(&self) -> Result<(), OpError>;

    /// Checks everything that needs no provider.
    ///
    /// # Errors
    /// Those of [`bounds`](Self::bounds), and of values that do not go together.
    fn check(&self) -> Result<(), OpError> {
        self.bounds()
    }
}

/// An operation that is answered once.
pub trait Once: Operation {}

/// An operation that is answered item by item.
pub trait Ongoing: Operation {}
