//! What an operation is: a type, with what a door needs to know of it beside it.

use std::fmt;
use std::time::Duration;

use ms_core::ActorPath;
use ms_core::task::TaskId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::OpError;
use crate::policy::Action;
use crate::table::Row;

/// What an operation does to the system, and so what is put on record of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Changes nothing; ends with its caller.
    Read,
    /// Brings something new, such as a task; goes on without its caller.
    Write,
    /// Changes the running system; goes on without its caller, and is always on record.
    Steer,
    /// Goes on, item by item, until it or its caller ends.
    Watch,
}

impl Kind {
    /// Says whether it goes on when its caller has left.
    #[must_use]
    pub const fn outlives_its_caller(self) -> bool {
        matches!(self, Self::Write | Self::Steer)
    }
}

/// What an operation is aimed at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// The node as a whole.
    Node,
    /// An actor, or the tree from there on.
    Actor(ActorPath),
    /// The budget of a path.
    Budget(ActorPath),
    /// The durable tasks as a whole: the one to come, or a list.
    Tasks,
    /// One durable task.
    Task(TaskId),
    /// A registered name.
    Name(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.write_str("the node"),
            Self::Actor(path) => path.fmt(f),
            Self::Budget(path) => write!(f, "the budget of {path}"),
            Self::Tasks => f.write_str("the tasks"),
            Self::Task(id) => write!(f, "task {id}"),
            Self::Name(name) => write!(f, "the name {name:?}"),
        }
    }
}

/// A request to a node.
///
/// Made by [`operation!`](crate::operation!), which also makes its row of the table: bounds,
/// schema, and the way by name.
pub trait Operation:
    Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The answer; of a [`Kind::Watch`], one item.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// Its name at every door that goes by name: `tasks.cancel`. A label for metrics.
    const NAME: &'static str;
    /// What it does, as far as permission is concerned.
    const ACTION: Action;
    /// What it does to the system.
    const KIND: Kind;
    /// The version of the schema in which it appeared.
    const SINCE: u16;
    /// What it is for, as it stands above its type.
    const DOC: &'static str;

    /// Returns what it is aimed at.
    fn target(&self) -> Target;

    /// Returns what was done, as it stands on record: `kill`, `task cancel ID`.
    fn verb(&self) -> String {
        Self::NAME.to_owned()
    }

    /// Returns the reason given for it, for the record.
    fn reason(&self) -> Option<&str> {
        None
    }

    /// Returns what came of it beyond that it went well, for the record.
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

    /// Returns its row of the table.
    fn row() -> Row;
}

/// An operation that is answered once.
pub trait Once: Operation {}

/// An operation that is answered item by item.
pub trait Ongoing: Operation {}
