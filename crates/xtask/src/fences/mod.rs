//! The fences of the house: what keeps the code from growing back into what it was.
//!
//! A rule that the code does not fulfil yet is a [`ratchet::Ratchet`]: a count for each crate against a
//! baseline in a file, which may only fall. What breaks a rule for good stands in a list with its
//! reason, and a line of it that nothing needs any more fails, so that no list outlives its cause.

pub(crate) mod circles;
pub(crate) mod core_items;
pub(crate) mod exhaustive;
pub(crate) mod purity;
mod ratchet;
pub(crate) mod reasons;
pub(crate) mod size;
pub(crate) mod words;

pub(crate) use ratchet::Ratchet;

use crate::End;
use crate::workspace::{Error, Workspace};

/// What `cargo xtask list` can show: a step of `check`, and all that it counts.
const LISTS: &[(&str, List)] = &[
    ("circles", circles::list),
    ("words", words::list),
    ("exhaustive", exhaustive::list),
    ("core-items", core_items::list),
];

type List = fn(&Workspace) -> Vec<Found>;

/// What may only fall.
const RATCHETS: &[&Ratchet] = &[
    &circles::RATCHET,
    &words::RATCHET,
    &exhaustive::RATCHET,
    &size::RATCHET,
    &crate::duplicates::RATCHET,
];

/// One line of a list.
pub(crate) struct Found {
    pub(crate) package: String,
    pub(crate) line: String,
}

/// `cargo xtask list STEP [CRATE]`.
pub(crate) fn list(workspace: &Workspace, args: &[String]) -> End {
    let names: Vec<&str> = LISTS.iter().map(|(name, _)| *name).collect();
    let usage = format!("list wants a step ({}), then perhaps a crate", names.join(", "));
    let (Some(step), [] | [_]) = (args.first(), args.get(1..).unwrap_or_default()) else {
        return End::Usage(usage);
    };
    let Some((_, found)) = LISTS.iter().find(|(name, _)| name == step) else {
        return End::Usage(usage);
    };
    let wanted = |found: &Found| args.get(1).is_none_or(|package| found.package == *package);
    for found in found(workspace).into_iter().filter(wanted) {
        println!("{}: {}", found.package, found.line);
    }
    End::Ok
}

/// `cargo xtask lower`: takes down each baseline to what there is, and never up.
pub(crate) fn lower(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    if !args.is_empty() {
        return Ok(End::Usage("lower takes no arguments".to_owned()));
    }
    for ratchet in RATCHETS {
        let text = workspace.read(ratchet.file).unwrap_or_default();
        let lowered = ratchet.lowered(&text, &(ratchet.count)(workspace));
        if lowered != text {
            workspace.write(ratchet.file, &lowered)?;
            println!("{} is lower now", ratchet.file);
        }
    }
    Ok(End::Ok)
}
