//! What can be wrong with a configuration. All of it is told at once.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::value::Place;

/// One thing that is wrong, with its place and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The name of the environment is none.
    #[error(
        "the environment is called {name:?}; use 1 to 32 characters out of a-z, 0-9, '-' and '_', \
         and neither `base` nor `integration`"
    )]
    BadEnvironment {
        /// The refused name.
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
    /// Two files for one layer.
    #[error("{} and {} are both there; keep one of them", .first.display(), .second.display())]
    TwoFiles {
        /// The one.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A file that cannot be read.
    #[error("{}: cannot be read: {source}", .file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that is not to be read.
    #[error("{}: {reason}", .file.display())]
    OddFile {
        /// Which file.
        file: PathBuf,
        /// Why it is refused and what to do.
        reason: String,
    },
    /// A file that is no TOML or YAML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A key that is not declared.
    #[error("{place}: there is no key `{key}`{}", hint(.nearest.as_deref()))]
    UnknownKey {
        /// Where it is written.
        place: Place,
        /// Its name.
        key: String,
        /// The declared key that looks most like it.
        nearest: Option<String>,
    },
    /// A value of the wrong type or outside its bound.
    #[error("{place}: `{key}` {problem}{}", over(.overrides.as_deref()))]
    WrongValue {
        /// Where it is written.
        place: Place,
        /// Its key.
        key: String,
        /// What is wrong with it; never the value.
        problem: String,
        /// Where the value is written that it would have replaced.
        overrides: Option<Box<Place>>,
    },
    /// A variable or an option that cannot be read as a setting.
    #[error("{name}: {problem}")]
    BadSetting {
        /// The name of the variable or the option, without its value.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A secret where others can see it.
    #[error("{place}: `{key}` is a secret; {advice}")]
    SecretInTheOpen {
        /// Where it is written.
        place: Place,
        /// Its key.
        key: String,
        /// What to do.
        advice: String,
    },
    /// A value that would leave the process less protected than it says.
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
        /// Who says so: `built-in`, or the validator's name.
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

/// All that is wrong with a configuration; never empty.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// Exit code of a program whose configuration is wrong.
const INVALID: u8 = 8;
/// Exit code of a program whose configuration is unsafe: `EX_CONFIG` of sysexits.
const UNSAFE: u8 = 78;

impl ConfigErrors {
    /// The exit code of a program that cannot use the configuration: 78 when something in it is
    /// unsafe, else 8.
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
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.first().and_then(std::error::Error::source)
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

/// Where rules and validators put what they find.
#[derive(Debug, Default)]
pub struct Problems(pub(crate) Vec<Problem>);

/// What is wrong with the value of one key.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) key: String,
    pub(crate) what: String,
    pub(crate) is_unsafe: bool,
}

impl Problems {
    /// The value of `key` (its full path) is wrong; `problem` is a clause such as
    /// "must not be less than `core.a.b`".
    pub fn add(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Problem { key: key.into(), what: problem.into(), is_unsafe: false });
    }

    /// As [`Problems::add`], for a value that would leave the process less protected than the
    /// configuration says. A program ends with 78 for it.
    pub fn add_unsafe(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Problem { key: key.into(), what: problem.into(), is_unsafe: true });
    }
}
