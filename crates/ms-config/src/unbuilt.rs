//! Keys about something this build does not have: whoever sets one is told, by name.
//!
//! The keys are read and checked all the same, so that one file serves builds with and without.
//! A key that protects is refused instead: a password that nobody asks for is a promise broken in
//! silence.

use std::collections::HashMap;

use crate::declare::{Part, Settings, keys};
use crate::error::Problems;
use crate::value::Place;

/// Keys of parts this build lacks that are not at their default.
fn asked_for<C: Settings>(config: &C) -> impl Iterator<Item = (String, Part)> {
    let default = C::default();
    let asked = keys::<C>().into_iter().filter_map(|key| Some((key.path, key.part?)));
    asked.filter(move |(path, _)| !config.same(&default, path))
}

/// One line for each key that has no effect, such as ``base.toml:3:8: `core.event_bus.type` has
/// no effect: ...``.
#[must_use]
pub fn warnings<C: Settings>(config: &C, origins: &HashMap<String, Place>) -> Vec<String> {
    let line = |(key, Part { name, instead, .. }): (String, Part)| {
        let place = origins.get(&key).map(|place| format!("{place}: ")).unwrap_or_default();
        format!("{place}`{key}` has no effect: this build has no {name}, so {instead}")
    };
    asked_for(config).filter(|(_, part)| !part.protects).map(line).collect()
}

/// Refuses those that protect.
pub(crate) fn refuse<C: Settings>(config: &C, problems: &mut Problems) {
    for (key, Part { name, .. }) in asked_for(config).filter(|(_, part)| part.protects) {
        problems.add_unsafe(
            key,
            format!("protects nothing: this build has no {name}; remove the setting"),
        );
    }
}
