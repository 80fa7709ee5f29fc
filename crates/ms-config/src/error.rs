//! The errors of a configuration. All of them are reported at once.

use std::fmt;
use std::io;
use std::path::PathBuf;

use ms_core::ErrorChain;

use crate::value::Place;

/// One error, with its place and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The name of the environment is invalid.
    #[error(
        "{name:?} is not a valid environment name; use 1 to 32 characters from a-z, 0-9, '-' and '_', but not `base` or `integration`"
    )]
    BadEnvironment {
        /// The invalid name.
        name: String,
    },
    /// There is no base file.
    #[error(
        "{} has no base file; create one of base.toml, base.yaml, integration.toml, \
         integration.yaml (it may be empty)", .dir.display()
    )]
    NoBase {
        /// The directory.
        dir: PathBuf,
    },
    /// There are two files for one layer.
    #[error("{} and {} both exist; keep one of them", .first.display(), .second.display())]
    TwoFiles {
        /// The first file.
        first: PathBuf,
        /// The second file.
        second: PathBuf,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the file system reports.
        #[source]
        source: io::Error,
    },
    /// A file is of a kind that is not read.
    #[error("{}: {reason}", .file.display())]
    OddFile {
        /// The file.
        file: PathBuf,
        /// Why it is not read, and what to do.
        reason: String,
    },
    /// A file is not valid TOML or YAML.
    #[error("{place}: {message}")]
    Syntax {
        /// The place of the error.
        place: Place,
        /// What the parser reports.
        message: String,
    },
    /// A key is not declared.
    #[error("{place}: there is no key `{key}`{}", hint(.nearest.as_deref()))]
    UnknownKey {
        /// Where it is written.
        place: Place,
        /// The key.
        key: String,
        /// The declared key that looks most like it.
        nearest: Option<String>,
    },
    /// A value is of the wrong type or out of bounds.
    #[error("{place}: `{key}` {problem}{}", over(.overrides.as_deref()))]
    WrongValue {
        /// Where it is written.
        place: Place,
        /// The key of the value.
        key: String,
        /// What is wrong with it; never the value.
        problem: String,
        /// The place of the value that it would have replaced.
        overrides: Option<Box<Place>>,
    },
    /// An environment variable or an option cannot be read as a setting.
    #[error("{name}: {problem}")]
    BadSetting {
        /// The name of the variable or the option, without its value.
        name: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A secret is written where others can see it.
    #[error("{place}: `{key}` is a secret; {advice}")]
    SecretInTheOpen {
        /// Where it is written.
        place: Place,
        /// The key of the secret.
        key: String,
        /// What to do.
        advice: String,
    },
    /// A value would leave the process less protected than it claims.
    #[error("{}`{key}` {problem} (unsafe)", at(.place.as_ref()))]
    Unsafe {
        /// Where the value comes from.
        place: Option<Place>,
        /// The key at fault.
        key: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A rule between keys, or a validator of the application, is not met.
    #[error("{}`{key}` {problem} (rule of {by})", at(.place.as_ref()))]
    ValidationFailed {
        /// Where the value comes from.
        place: Option<Place>,
        /// The key at fault.
        key: String,
        /// What is wrong.
        problem: String,
        /// The owner of the rule: `built-in`, or the name of the validator.
        by: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => "; `msctl config schema` lists all keys".to_owned(),
    }
}

fn over(place: Option<&Place>) -> String {
    place.map(|place| format!("; it would replace the value of {place}")).unwrap_or_default()
}

fn at(place: Option<&Place>) -> String {
    place.map(|place| format!("{place}: ")).unwrap_or_default()
}

/// All errors of a configuration; never empty. It is displayed as one line for each, with its cause.
#[derive(Debug)]
pub struct ConfigErrors(Vec<ConfigError>);

/// Exit code of a program whose configuration is wrong.
const INVALID: u8 = 8;
/// Exit code of a program whose configuration is unsafe: `EX_CONFIG` of sysexits.
const UNSAFE: u8 = 78;

impl ConfigErrors {
    pub(crate) fn new(errors: Vec<ConfigError>) -> Self {
        Self(errors)
    }

    /// Returns the errors, in the order of the layers.
    #[must_use]
    pub fn errors(&self) -> &[ConfigError] {
        &self.0
    }

    /// Returns a line for each error, with its cause.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|error| ErrorChain::from_error(error).to_string())
    }

    /// Returns the exit code of a program that cannot use the configuration: 78 when something in
    /// it is unsafe, otherwise 8.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.0.iter().any(|error| matches!(error, ConfigError::Unsafe { .. })) {
            true => UNSAFE,
            false => INVALID,
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines().collect();
        f.write_str(&lines.join("\n"))
    }
}

// Without a source: there may be several causes, and the lines have them all.
impl std::error::Error for ConfigErrors {}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

/// The collection of problems that rules and validators add to.
#[derive(Debug, Default)]
pub struct Problems(pub(crate) Vec<Problem>);

/// A problem with the value of one key.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) key: String,
    pub(crate) what: String,
    pub(crate) is_unsafe: bool,
}

impl Problems {
    /// Adds a problem with the value of `key` (its full path). `problem` is a clause such as
    /// "must not be less than `core.a.b`".
    pub fn add(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Problem { key: key.into(), what: problem.into(), is_unsafe: false });
    }

    /// Adds a problem with a value that would leave the process less protected than the
    /// configuration claims. A program ends with 78 because of it.
    pub fn add_unsafe(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Problem { key: key.into(), what: problem.into(), is_unsafe: true });
    }
}
