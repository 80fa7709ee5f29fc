//! The layers of a configuration: files, environment variables and options.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use ms_core::private::Exposed;

use crate::error::ConfigError;
use crate::file;
use crate::format;
use crate::value::{Place, Raw, Spot};

/// The prefix of environment variables that are settings. The path of the key follows, with `__`
/// between names.
pub const ENV_PREFIX: &str = "MS_FRAMEWORK__";
/// The environment variable that names the environment.
pub const ENVIRONMENT: &str = "ENVIRONMENT";
/// The environment when none is named.
pub const DEFAULT_ENVIRONMENT: &str = "development";
/// The names of base files, without endings.
const BASES: [&str; 2] = ["base", "integration"];
const ENDINGS: [&str; 2] = ["toml", "yaml"];
/// Longest name of an environment.
const MAX_ENVIRONMENT: usize = 32;

/// A file of the directory, read and parsed.
#[derive(Debug)]
pub(crate) struct FileLayer {
    pub(crate) root: Spot,
    /// Why the file may not contain secrets; `None` when it may.
    pub(crate) exposed: Option<Exposed>,
}

/// One setting out of an environment variable or an option.
#[derive(Debug)]
pub(crate) struct Single {
    pub(crate) key: String,
    pub(crate) spot: Spot,
}

/// Checks the name of an environment, because it becomes a file name.
///
/// # Errors
/// [`ConfigError::BadEnvironment`] when it is not a plain word.
pub(crate) fn check_environment(name: &str) -> Result<(), ConfigError> {
    let fine = (1..=MAX_ENVIRONMENT).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
        && !BASES.contains(&name);
    if fine { Ok(()) } else { Err(ConfigError::BadEnvironment { name: name.to_owned() }) }
}

/// Finds the base file. There must be exactly one.
pub(crate) fn base_file(dir: &Path) -> Result<PathBuf, ConfigError> {
    one_of(dir, &BASES)?.ok_or_else(|| ConfigError::NoBase { dir: dir.to_owned() })
}

/// Finds the file of the environment, if there is one.
pub(crate) fn environment_file(dir: &Path, name: &str) -> Result<Option<PathBuf>, ConfigError> {
    one_of(dir, &[name])
}

fn one_of(dir: &Path, stems: &[&str]) -> Result<Option<PathBuf>, ConfigError> {
    let names = stems.iter().flat_map(|stem| ENDINGS.map(|ending| format!("{stem}.{ending}")));
    let mut found = Vec::new();
    for path in names.map(|name| dir.join(name)) {
        // The link itself: one that leads nowhere is found too, and is reported when it is read.
        // Passed over, it would be as if the file had never been there.
        match path.symlink_metadata() {
            Ok(_) => found.push(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(ConfigError::Io { file: path, source }),
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(ConfigError::TwoFiles { first, second }),
        (first, _) => Ok(first),
    }
}

/// Reads one file.
pub(crate) fn read_file(path: &Path) -> Result<FileLayer, Vec<ConfigError>> {
    let text = file::read(path).map_err(|error| vec![error])?;
    let root = format::parse(path, &text.text)?;
    Ok(FileLayer { root, exposed: text.exposed })
}

/// Returns the settings among environment variables, sorted by key.
pub(crate) fn of_env(vars: &[(OsString, OsString)], errors: &mut Vec<ConfigError>) -> Vec<Single> {
    let mut found = Vec::new();
    for (name, value) in vars {
        let text = name.to_string_lossy();
        if !text.starts_with(ENV_PREFIX) {
            continue;
        }
        match variable(name, value) {
            Ok(single) => found.push(single),
            Err(problem) => {
                errors.push(ConfigError::BadSetting { name: text.into_owned(), problem });
            }
        }
    }
    // Variables have no order, and messages must come in the same order every time.
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found
}

fn variable(name: &OsStr, value: &OsStr) -> Result<Single, String> {
    let name = name.to_str().ok_or("the name is not UTF-8; unset it")?;
    let value = value.to_str().ok_or("the value is not UTF-8; set it again or unset it")?;
    if value.is_empty() {
        return Err("the value is empty; unset it to keep the value of the files".to_owned());
    }
    let key = name.trim_start_matches(ENV_PREFIX).to_ascii_lowercase().replace("__", ".");
    let spot = Spot { raw: Raw::Word(value.to_owned()), place: Place::Env(name.to_owned()) };
    Ok(Single { key, spot })
}

/// Returns the settings of the command line: the texts after each `--set`.
pub(crate) fn of_command(options: &[String], errors: &mut Vec<ConfigError>) -> Vec<Single> {
    let mut found = Vec::new();
    for option in options {
        match option.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                let place = Place::Command(key.to_owned());
                let spot = Spot { raw: Raw::Word(value.to_owned()), place };
                found.push(Single { key: key.to_owned(), spot });
            }
            // The value may be a secret, so only the text before the first `=` is quoted.
            _ => errors.push(ConfigError::BadSetting {
                name: format!("--set {}", option.split('=').next().unwrap_or_default()),
                problem: "write it as key=value, as in core.supervision.max_restarts=7".to_owned(),
            }),
        }
    }
    found
}
