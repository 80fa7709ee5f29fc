//! The lives of a node, and places among its events.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One life of a node, from its boot to its end. Numbers that a node counts from its boot (of
/// events, incarnations, times since the boot) mean nothing in another of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeLife(NonZeroU64);

/// The error for a text that is not a life of a node, or not a place among its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// No life.
    #[error(
        "the id of a node's run (`life`) is 16 digits of 0-9 and a-f, not all zero; this text is not one"
    )]
    Life,
    /// No place.
    #[error(
        "a position among the events is `LIFE.N.T`, the id of an event, or 0 for the beginning; this text is neither"
    )]
    Place,
}

impl NodeLife {
    /// Makes a life of a random number, supplied by whoever boots the node. Its lowest bit is set.
    // Never zero then, and with a last digit that is not 0: a pattern in a schema can say that, and
    // none can say "16 digits, not all zero".
    #[must_use]
    pub const fn new(random: u64) -> Self {
        match NonZeroU64::new(random | 1) {
            Some(random) => Self(random),
            None => Self(NonZeroU64::MIN),
        }
    }
}

impl fmt::Display for NodeLife {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl NodeLife {
    fn read(text: &str) -> Result<Self, PlaceError> {
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        // Checked first: `from_str_radix` takes a sign and upper-case digits, and ids are compared
        // as text.
        if text.len() != 16 || !text.bytes().all(digits) {
            return Err(PlaceError::Life);
        }
        let life = u64::from_str_radix(text, 16).ok().and_then(NonZeroU64::new);
        life.map(Self).ok_or(PlaceError::Life)
    }
}

impl FromStr for NodeLife {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        Self::read(text)
    }
}

impl TryFrom<String> for NodeLife {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, PlaceError> {
        Self::read(&text)
    }
}

impl From<NodeLife> for String {
    fn from(life: NodeLife) -> Self {
        life.to_string()
    }
}

/// A place among the events of a node: the number of the last event of the node and of the last
/// about a task that a reader has seen, and the life they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    /// The life; `None` when the reader does not say.
    pub life: Option<NodeLife>,
    /// Of the node.
    pub node: u64,
    /// About tasks; `None` when the reader does not say.
    pub tasks: Option<u64>,
}

impl fmt::Display for Place {
    /// Writes the form that [`Place::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(life) = self.life {
            write!(f, "{life}.")?;
        }
        write!(f, "{}", self.node)?;
        self.tasks.map_or(Ok(()), |tasks| write!(f, ".{tasks}"))
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    /// Reads `LIFE.N.T`; `N.T` and `N` are places of a life that is not known.
    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            // `parse` alone would take a leading `+`.
            true => text.parse().map_err(|_| PlaceError::Place),
            false => Err(PlaceError::Place),
        };
        // 4 and not 3: a fourth part has to be seen to be refused.
        let parts: Vec<_> = text.splitn(4, '.').collect();
        let (life, numbers) = match parts.split_first() {
            Some((life, numbers @ [_, _])) => (Some(NodeLife::read(life)?), numbers),
            _ => (None, &parts[..]),
        };
        match numbers {
            [node, tasks] => Ok(Self { life, node: number(node)?, tasks: Some(number(tasks)?) }),
            [node] => Ok(Self { life, node: number(node)?, tasks: None }),
            _ => Err(PlaceError::Place),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, PlaceError> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

/// The point from which a returning reader resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// After these numbers: they are of this life.
    After {
        /// Of the node.
        node: u64,
        /// About tasks; `None` for what happens from now on.
        tasks: Option<u64>,
    },
    /// With all that is kept, because it wants the beginning.
    Beginning,
    /// With all that is kept; what the reader had not seen of the life before is lost.
    AnotherLife,
}

impl Place {
    /// Returns where a reader resumes from this place, in a `life` with these newest numbers.
    #[must_use]
    pub fn resumed(self, life: NodeLife, newest: (u64, u64)) -> Resumed {
        let Self { life: of, node, tasks } = self;
        if node == 0 && tasks.unwrap_or(0) == 0 {
            return Resumed::Beginning;
        }
        // A number that this life has not reached belongs to another one, whatever the text says.
        let known = node <= newest.0 && tasks.unwrap_or(0) <= newest.1;
        match of == Some(life) && known {
            true => Resumed::After { node, tasks },
            false => Resumed::AnotherLife,
        }
    }
}
