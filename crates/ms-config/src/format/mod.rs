//! The parsers: from the text of a file to values with places.
//!
//! Both give a span for every value, which figment and readers based on serde lose; see
//! docs/adr/0006-configuration-with-spans.md.

mod toml;
mod yaml;

use std::path::Path;
use std::sync::Arc;

use crate::error::ConfigError;
use crate::value::{Place, Spot};

/// Largest number of values in a file, with aliases expanded: the bound of a YAML alias bomb.
pub const MAX_VALUES: usize = 10_000;
/// Deepest nesting of a file.
pub const MAX_DEPTH: usize = 32;

/// Parses the text of a file as TOML or YAML, by the ending of its name.
///
/// # Errors
/// All [`ConfigError::Syntax`] that the parser finds.
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
