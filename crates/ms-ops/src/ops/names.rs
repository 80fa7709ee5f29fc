//! Names and services.

use std::borrow::Cow;

use crate::operation;
use crate::target::Target;
use crate::views::{Found, Service};

/// Longest name of a [`Lookup`], in characters.
pub const MAX_LOOKUP: u64 = 1_024;

operation! {
    /// The holder of a name, or the provider of a service.
    Read NamesRead "names.lookup" 1;
    pub struct Lookup -> Found {
        /// The name, compared exactly.
        pub name: String [max MAX_LOOKUP, "length of the name"],
    }
    fn target(&self) -> Target<'_> {
        Target::Name(Cow::Borrowed(&self.name))
    }
}

operation! {
    /// The names and services of the registry with their holders, sorted.
    Read NamesRead "names.list" 1;
    pub struct ListNames -> Vec<Service> {
        /// Only names at and below this one.
        #[serde(default)]
        pub prefix: String [max MAX_LOOKUP, "length of the prefix"],
    }
    fn target(&self) -> Target<'_> {
        Target::Node
    }
}
