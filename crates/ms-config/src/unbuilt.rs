//! Keys of parts that this build does not have: setting one gives a warning with its name.
//!
//! The keys are read and checked all the same, so that one file serves builds with and without the
//! part. A key that protects is refused instead: a password that nothing asks for would be a promise
//! that is silently broken.

use std::collections::HashMap;

use crate::declare::{Part, Settings, keys};
use crate::error::Problems;
use crate::value::Place;

/// Returns the keys of missing parts that are not at their default.
fn asked_for<C: Settings>(config: &C) -> impl Iterator<Item = (String, Part)> {
    let default = C::default();
    let asked = keys::<C>().into_iter().filter_map(|key| Some((key.path, key.part?)));
    // A key that is set to its default asks for nothing that is missing.
    asked.filter(move |(path, _)| !config.same(&default, path))
}

/// Returns a line for each key that has no effect, such as ``base.toml:3:8: `core.event_bus.type`
/// has no effect: ...``.
#[must_use]
pub fn warnings<C: Settings>(config: &C, origins: &HashMap<String, Place>) -> Vec<String> {
    let line = |(key, Part { name, instead, .. }): (String, Part)| {
        let place = origins.get(&key).map(|place| format!("{place}: ")).unwrap_or_default();
        format!("{place}`{key}` has no effect: this build has no {name}, so {instead}")
    };
    asked_for(config).filter(|(_, part)| !part.protects).map(line).collect()
}

/// Refuses the keys that protect.
pub(crate) fn refuse<C: Settings>(config: &C, problems: &mut Problems) {
    for (key, Part { name, .. }) in asked_for(config).filter(|(_, part)| part.protects) {
        problems.add_unsafe(
            key,
            format!("protects nothing: this build has no {name}; remove the setting"),
        );
    }
}
