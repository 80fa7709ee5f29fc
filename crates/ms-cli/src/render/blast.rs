//! What a steering verb would do, and what it did.

use ms_control::proto::{Steered, Verb};
use ms_core::ActorPath;
use ms_core::view::BlastRadius;

use super::facts::facts;
use super::style::{Style, Tone};
use super::units::clean;

/// Paths named on one line; the rest is counted.
const NAMED: usize = 10;

/// Renders what `verb` would stop, restart, drop and escalate.
pub(crate) fn blast(verb: Verb, path: &ActorPath, blast: &BlastRadius, style: Style) -> String {
    let mut lines = vec![("stop", list(&blast.stopped)), ("restart", list(&blast.restarted))];
    if !blast.dropped.is_empty() {
        lines.push(("drop", list(&blast.dropped)));
    }
    lines.push((
        "escalate",
        match blast.escalates.is_empty() {
            true => "no".to_owned(),
            false => {
                style.paint(Tone::Warn, &format!("! {} would give up", list(&blast.escalates)))
            }
        },
    ));
    if let Some(supervisor) = &blast.held_by {
        let text =
            format!("! {supervisor} is suspended: what follows is decided when it is resumed");
        lines.push(("held", style.paint(Tone::Warn, &text)));
    }
    if blast.ends_node {
        lines.push(("node", style.paint(Tone::Bad, "! the root would end, and the node with it")));
    }
    format!("{verb} {path} would\n{}", facts(&lines))
}

fn list(paths: &[ActorPath]) -> String {
    let named: Vec<_> = paths.iter().take(NAMED).map(ToString::to_string).collect();
    match paths.len() {
        0 => "nothing".to_owned(),
        1..=NAMED => named.join(", "),
        count => format!("{} and {} more", named.join(", "), count - NAMED),
    }
}

/// Renders the outcome of a steering verb.
pub(crate) fn steered(done: &Steered) -> String {
    format!("{} {}: {}\n", done.verb, done.path, clean(&done.outcome))
}
