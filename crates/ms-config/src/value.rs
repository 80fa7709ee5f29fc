//! What a layer says, before anyone knows what it should be: values that know their place.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: the declared default.
    Default,
    /// In a file, at a line and column that count from 1.
    File {
        /// The file.
        file: Arc<Path>,
        /// Its line.
        line: usize,
        /// Its column, in characters.
        column: usize,
    },
    /// In the environment variable of this name.
    Env(String),
    /// On the command line, under `--set` of this key.
    Command(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line, column } => {
                write!(f, "{}:{line}:{column}", file.display())
            }
            Self::Env(name) => f.write_str(name),
            Self::Command(key) => write!(f, "--set {key}"),
        }
    }
}

/// A value as a layer has it, its type not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// Nothing: an empty YAML value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// A text of a file.
    Text(String),
    /// The text of a variable or an option: read as whatever the key is declared to be.
    Word(String),
    /// A list.
    List(Vec<Spot>),
    /// Named values, in the order of the file. The place is that of the name.
    Table(Vec<(String, Place, Spot)>),
}

impl Raw {
    /// What it is, for messages. Never the value: it may be a secret.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a point",
            Self::Text(_) | Self::Word(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// The value.
    pub raw: Raw,
    /// Where it was written.
    pub place: Place,
}
