//! The values of a layer before their types are checked, each with its place.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The place where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// None: it is the declared default.
    Default,
    /// A file, with line and column counted from 1.
    File {
        /// The file.
        file: Arc<Path>,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// The environment variable of this name.
    Env(String),
    /// The option `--set` of this key.
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

/// A value of a layer whose type is not checked yet.
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
    /// A text in a file.
    Text(String),
    /// The text of a variable or an option, which is read by the declared type of its key.
    Word(String),
    /// A list.
    List(Vec<Spot>),
    /// Named values in the order of the file, each with the place of its name.
    Table(Vec<(String, Place, Spot)>),
}

impl Raw {
    /// Returns what it is, for messages. Never the value, which may be a secret.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a point",
            Self::Text(_) | Self::Word(_) => "a string",
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
    /// The place where it was written.
    pub place: Place,
}
