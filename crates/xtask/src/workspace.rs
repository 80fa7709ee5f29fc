//! The workspace as cargo describes it, and commands in its root.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;

use crate::code::Code;
use crate::outcome::Outcome;

/// The output of `cargo metadata --no-deps`, as far as the rules need it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    /// The directory in which cargo builds.
    #[serde(default)]
    pub(crate) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The name of the package itself, even if the manifest renames it.
    pub(crate) name: String,
    /// `None` for a normal dependency, else `build` or `dev`.
    pub(crate) kind: Option<String>,
}

impl Dependency {
    /// Says whether only tests, examples and benches see it.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// Why the workspace could not be read or written.
#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    /// Makes an error with this message.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    #[allow(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
    pub(crate) fn from_io(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) metadata: Metadata,
    code: OnceLock<Code>,
}

impl Workspace {
    /// Asks cargo for the members of the workspace.
    pub(crate) fn load() -> Result<Self, Error> {
        let root = root();
        // Without dependencies cargo resolves nothing, so that the rules run when the lock file or
        // a registry is out of order.
        let json = capture(cargo(&root, &["metadata", "--no-deps", "--format-version", "1"]))
            .map_err(|error| Error(format!("cargo metadata: {error}")))?;
        let metadata = serde_json::from_str(&json).map_err(|error| {
            Error(format!("cargo metadata answered what we cannot read: {error}"))
        })?;
        Ok(Self { root, metadata, code: OnceLock::new() })
    }

    pub(crate) fn has_member(&self, name: &str) -> bool {
        self.metadata.packages.iter().any(|package| package.name == name)
    }

    /// Returns the code of all members. It is read by the first call, as reading takes long and few
    /// rules need it.
    pub(crate) fn code(&self) -> &Code {
        self.code.get_or_init(|| {
            let packages = self.metadata.packages.iter();
            let packages =
                packages.filter_map(|one| Some((one.name.as_str(), one.manifest_path.parent()?)));
            Code::load(&self.root, packages)
        })
    }

    /// Returns the text of a file below the root; `None` if it cannot be read.
    pub(crate) fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok()
    }

    /// Replaces a file below the root.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<(), Error> {
        let write = std::fs::write(self.root.join(path), text);
        write.map_err(|error| Error::new(format!("{path} cannot be written: {error}")))
    }

    /// Returns a command for the cargo that runs us, in the root of the workspace.
    pub(crate) fn cargo<S: AsRef<str>>(&self, args: &[S]) -> Command {
        cargo(&self.root, args)
    }
}

/// Returns a command for the cargo that runs us, in some other directory.
pub(crate) fn cargo_in(root: &Path, args: &[&str]) -> Command {
    cargo(root, args)
}

fn cargo<S: AsRef<str>>(root: &Path, args: &[S]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root).args(args.iter().map(AsRef::as_ref));
    command
}

/// Returns the folder two levels above this crate. The variable that cargo sets at run time comes first:
/// if checkouts share a target directory, the path from compile time may be that of another one.
fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors().nth(2).map_or_else(|| here.clone(), Path::to_path_buf)
}

/// Runs a command whose output the developer sees. A failed start or a failed exit is a problem.
pub(crate) fn show(mut command: Command) -> Outcome {
    println!("    $ {}", line(&command));
    match command.status() {
        Ok(status) if status.success() => Outcome::default(),
        Ok(status) => Outcome::problem(format!("`{}` ended with {status}", line(&command))),
        Err(error) => Outcome::problem(format!("`{}` did not start: {error}", line(&command))),
    }
}

/// Says whether cargo has this subcommand, such as one that is installed separately.
pub(crate) fn has_subcommand(workspace: &Workspace, name: &str) -> bool {
    capture(workspace.cargo(&[name, "--version"])).is_ok()
}

/// Runs a command and returns its standard output. The error has its standard error.
pub(crate) fn capture(mut command: Command) -> Result<String, Error> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error(format!("`{}` did not start: {error}", line(&command))))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error(format!("`{}`: {}", line(&command), said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program in a directory and returns its standard output; see [`capture`].
pub(crate) fn capture_in(root: &Path, program: &str, args: &[&str]) -> Result<String, Error> {
    let mut command = Command::new(program);
    command.current_dir(root).args(args);
    capture(command)
}

/// Returns a command as it would be typed.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let environment = command
        .get_envs()
        .filter_map(|(key, value)| Some(format!("{}={:?}", key.to_string_lossy(), value?)));
    let words = std::iter::once(program).chain(command.get_args());
    environment
        .chain(words.map(|word| word.to_string_lossy().into_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}
