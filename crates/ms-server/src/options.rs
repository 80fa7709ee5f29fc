//! The options of a server: where its configuration is, and what overrides it.

use std::path::PathBuf;

use ms_config::{Loader, Problems, Validator};
use ms_runtime::section::{FrameworkConfig, components};

/// The options of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration directory.
    pub config: PathBuf,
    /// The environment to use instead of `$ENVIRONMENT`.
    pub environment: Option<String>,
    /// Overrides as `key=value`, which win over all files and variables.
    pub set: Vec<String>,
    /// The path of the control socket; by default it follows from the node's name.
    pub control: Option<PathBuf>,
    /// Whether faults may be injected over the control socket; never in production.
    pub allow_faults: bool,
}

impl Options {
    /// Returns options with the configuration of a directory and nothing else.
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

    /// Returns the loader, with the rules for a program's own components and what each needs.
    pub(crate) fn loader(&self, own: Vec<(String, Vec<String>)>) -> Loader<FrameworkConfig> {
        let loader = Loader::new(&self.config).validator(Order(own));
        let loader = match &self.environment {
            Some(name) => loader.environment(name),
            None => loader,
        };
        loader.set(self.set.iter().cloned())
    }
}

/// Checks the configured order against the needs of the program's own components.
struct Order(Vec<(String, Vec<String>)>);

impl Validator<FrameworkConfig> for Order {
    fn name(&self) -> &str {
        "own-components"
    }

    fn validate(&self, config: &FrameworkConfig, problems: &mut Problems) {
        let order = &config.components.initialization_order;
        // An order that is wrong without them is reported by the rule of the key; once is enough.
        let fine = components::order(order, &[]).is_ok();
        if let (true, Err(problem)) = (fine, components::order(order, &self.0)) {
            problems.add("components.initialization_order", problem);
        }
    }
}
