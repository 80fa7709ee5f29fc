//! Where a server is told what it is.

use std::path::PathBuf;

use ms_config::{Loader, Problems, Validator};
use ms_runtime::section::{FrameworkConfig, components};

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

    /// With the rules of a program that has components of its own, given with what each needs.
    pub(crate) fn loader(&self, own: Vec<(String, Vec<String>)>) -> Loader<FrameworkConfig> {
        let loader = Loader::new(&self.config).validator(Order(own));
        let loader = match &self.environment {
            Some(name) => loader.environment(name),
            None => loader,
        };
        loader.set(self.set.iter().cloned())
    }
}

/// The wished order, held against what the program's own components need.
struct Order(Vec<(String, Vec<String>)>);

impl Validator<FrameworkConfig> for Order {
    fn name(&self) -> &str {
        "own-components"
    }

    fn validate(&self, config: &FrameworkConfig, problems: &mut Problems) {
        let order = &config.components.initialization_order;
        // What is wrong without them is told by the rule of the key.
        let fine = components::order(order, &[]).is_ok();
        if let (true, Err(problem)) = (fine, components::order(order, &self.0)) {
            problems.add("components.initialization_order", problem);
        }
    }
}
