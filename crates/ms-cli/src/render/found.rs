//! The actor behind a name.

use ms_control::proto::Found;

use super::facts::facts;
use super::style::{Style, Tone};
use super::units::{clean, short};

/// Renders the actor behind a name, with its state and its groups.
pub(crate) fn found(found: &Found, style: Style) -> String {
    let life = match found.incarnation {
        Some(incarnation) => format!("{incarnation}, {}", found.lifecycle),
        None => found.lifecycle.to_string(),
    };
    let mut lines = vec![("path", found.path.to_string()), ("incarnation", life)];
    if let Some(provides) = &found.provides {
        lines.push(("provides", short(provides)));
    }
    let groups = match found.groups.is_empty() {
        true => "none".to_owned(),
        false => clean(&found.groups.join(", ")),
    };
    lines.push(("groups", groups));
    format!("{}\n{}", style.paint(Tone::Strong, &clean(&found.name)), facts(&lines))
}
