//! Where a server is told what it is.

use std::path::PathBuf;

use ms_config::{FrameworkConfig, Loader};

/// Where the configuration is, and what overrides it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration directory.
    pub config: PathBuf,
    /// The environment, in place of `$ENVIRONMENT`.
    pub environment: Option<String>,
    /// `key=value` overrides, the last word.
    pub set: Vec<String>,
    /// Where `msctl` finds the node; the default place of its name otherwise.
    pub control: Option<PathBuf>,
    /// Whether faults may be injected over the control endpoint; never in production.
    pub allow_faults: bool,
}

impl Options {
    /// The configuration of this directory, and nothing else.
    #[must_use]
    pub fn from_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            config: dir.into(),
            environment: None,
            set: Vec::new(),
            control: None,
            allow_faults: false,
        }
    }

    pub(crate) fn loader(&self) -> Loader<FrameworkConfig> {
        let loader = Loader::new(&self.config);
        let loader = match &self.environment {
            Some(name) => loader.environment(name),
            None => loader,
        };
        loader.set(self.set.iter().cloned())
    }
}
