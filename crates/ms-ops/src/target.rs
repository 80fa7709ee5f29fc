//! Targets of operations.

use std::borrow::Cow;
use std::fmt;

use ms_core::ActorPath;
use ms_core::task::TaskId;

/// The thing an operation is aimed at. It borrows from the operation: one is made for each request,
/// and few are put on record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target<'a> {
    /// The node as a whole.
    Node,
    /// An actor, or the tree from there on.
    Actor(Cow<'a, ActorPath>),
    /// The budget of a path.
    Budget(Cow<'a, ActorPath>),
    /// The durable tasks as a whole: one to come, or a list.
    Tasks,
    /// One durable task.
    Task(TaskId),
    /// A registered name.
    Name(Cow<'a, str>),
}

impl<'a> Target<'a> {
    /// Makes the target of an operation on an actor.
    #[must_use]
    pub const fn actor(path: &'a ActorPath) -> Self {
        Self::Actor(Cow::Borrowed(path))
    }

    /// Copies what it borrows.
    #[must_use]
    pub fn into_owned(self) -> Target<'static> {
        match self {
            Self::Node => Target::Node,
            Self::Actor(path) => Target::Actor(Cow::Owned(path.into_owned())),
            Self::Budget(path) => Target::Budget(Cow::Owned(path.into_owned())),
            Self::Tasks => Target::Tasks,
            Self::Task(id) => Target::Task(id),
            Self::Name(name) => Target::Name(Cow::Owned(name.into_owned())),
        }
    }
}

impl fmt::Display for Target<'_> {
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
