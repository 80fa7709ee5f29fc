//! From the text of a file to values with places.
//!
//! Both parsers give spans for every value, which figment and serde-based readers
//! lose; see docs/adr/0006-configuration-with-spans.md.

mod toml;
mod yaml;

use std::path::Path;
use std::sync::Arc;

use crate::error::ConfigError;
use crate::value::{Place, Spot};

/// Most values of a file, aliases expanded: what bounds a bomb of YAML aliases.
pub const MAX_VALUES: usize = 10_000;
/// Deepest nesting of a file.
pub const MAX_DEPTH: usize = 32;

/// Reads the text of a file; the name decides how.
///
/// # Errors
/// Every [`ConfigError::Syntax`] the parser finds.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Spot, Vec<ConfigError>> {
    let source = Source { file: file.into() };
    match file.extension().and_then(|name| name.to_str()) {
        Some("toml") => toml::parse(&source, text),
        _ => yaml::parse(&source, text).map_err(|error| vec![error]),
    }
}

struct Source {
    file: Arc<Path>,
}

impl Source {
    fn place(&self, line: usize, column: usize) -> Place {
        Place::File { file: Arc::clone(&self.file), line, column }
    }

    fn syntax(&self, place: Place, message: impl Into<String>) -> ConfigError {
        ConfigError::Syntax { place, message: message.into() }
    }
}
