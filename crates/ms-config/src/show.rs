//! The forms for people and editors: values with origins, the reference, the JSON schema.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::declare::{Apply, Key, Part, Settings, keys};
use crate::kind::plain;
use crate::layer::ENV_PREFIX;
use crate::load::Loaded;
use crate::value::Place;

/// One line of `msctl config show`.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The key.
    pub key: String,
    /// Its value. Secrets are redacted.
    pub value: Value,
    /// The place where the value was written.
    pub origin: Place,
}

/// Returns all values, in declared order.
#[must_use]
pub fn lines<C: Settings>(loaded: &Loaded<C>) -> Vec<Line> {
    let origin = |origins: &HashMap<String, Place>, key: &str| {
        origins.get(key).cloned().unwrap_or(Place::Default)
    };
    keys::<C>()
        .into_iter()
        .map(|key| Line {
            value: loaded.config.get(&key.path).unwrap_or(Value::Null),
            origin: origin(&loaded.origins, &key.path),
            key: key.path,
        })
        .collect()
}

/// Returns the reference of all keys as Markdown, with one table for each section.
#[must_use]
pub fn reference<C: Settings>() -> String {
    let defaults = C::default();
    let mut text = String::new();
    let mut section = None;
    for key in keys::<C>() {
        let (of, name) = key.path.rsplit_once('.').unwrap_or(("", &key.path));
        if section.as_deref() != Some(of) {
            let title = if of.is_empty() { "top level" } else { of };
            // Writing into a `String` cannot fail.
            let _ = write!(
                text,
                "\n### `{title}`\n\n| key | type | default | bounds | change | what it does |\n\
                 |---|---|---|---|---|---|\n"
            );
            section = Some(of.to_owned());
        }
        let default = defaults.get(&key.path).map(|value| plain(&value)).unwrap_or_default();
        let default = if default.is_empty() { "none".to_owned() } else { format!("`{default}`") };
        let _ = writeln!(
            text,
            "| `{name}` | {} | {default} | {} | {} | {} |",
            key.what,
            bounds(&key),
            match key.apply {
                Apply::Live => "live",
                Apply::Restart => "restart",
            },
            about(&key),
        );
    }
    text
}

/// Returns the description of a key, and whether the key has an effect in this build.
fn about(key: &Key) -> String {
    let about = key.about;
    match key.part {
        None => about.to_owned(),
        Some(Part { name, protects: true, .. }) => {
            format!("{about} Refused: this build has no {name}.")
        }
        Some(Part { name, .. }) => format!("{about} Without effect: this build has no {name}."),
    }
}

fn bounds(key: &Key) -> String {
    let unit = key.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
    match &key.bound {
        Some([low, high]) => format!("{} to {}{unit}", plain(low), plain(high)),
        None if key.secret => "files of mode 0600".to_owned(),
        None => unit.trim().to_owned(),
    }
}

/// Returns the name of the environment variable that overrides a key.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// Returns the JSON schema (draft 2020-12) of a configuration file, for editors and CI.
#[must_use]
pub fn schema<C: Settings>() -> Value {
    let defaults = C::default();
    let mut root = object();
    for key in keys::<C>() {
        let mut leaf = key.schema.clone();
        leaf["description"] = json!(describe(&key));
        if let Some(default) = defaults.get(&key.path) {
            leaf["default"] = default;
        }
        // Times and sizes are texts, for which a schema has no bounds. Theirs are in the description.
        if let Some([low, high]) = key.bound.as_ref().filter(|[low, _]| low.is_number()) {
            leaf["minimum"] = low.clone();
            leaf["maximum"] = high.clone();
        }
        let mut at = &mut root;
        let mut names = key.path.split('.').peekable();
        while let Some(name) = names.next() {
            let properties = &mut at["properties"];
            if names.peek().is_none() {
                properties[name] = leaf;
                break;
            }
            if properties[name].is_null() {
                properties[name] = object();
            }
            at = &mut properties[name];
        }
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("MS Framework configuration");
    root
}

fn object() -> Value {
    // Null is permitted because an empty section in YAML is null.
    json!({
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": Value::Object(Map::new()),
    })
}

fn describe(key: &Key) -> String {
    let bound = bounds(key);
    let bound = if bound.is_empty() { bound } else { format!(" ({bound})") };
    let apply = match key.apply {
        Apply::Live => "A change is live.",
        Apply::Restart => "A change needs a restart.",
    };
    format!("{}{bound} {apply} Variable: {}", about(key), variable(&key.path))
}
