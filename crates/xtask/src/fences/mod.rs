//! The fences of the house: rules that keep the code in shape.
//!
//! A rule that the code does not fulfil yet is a [`ratchet::Ratchet`]: a count for each crate with a
//! baseline in a file, which may only fall. Permanent exceptions to a rule are in a list, with their
//! reasons. A line of a list that nothing needs any more fails, so that no exception outlives its cause.

pub(crate) mod causes;
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

/// What `cargo xtask list` can print: a step of `check`, and everything that it counts.
const LISTS: &[(&str, List)] = &[
    ("circles", circles::list),
    ("words", words::list),
    ("exhaustive", exhaustive::list),
    ("core-items", core_items::list),
];

type List = fn(&Workspace) -> Vec<Found>;

/// The counts that may only fall.
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

/// Runs `cargo xtask list STEP [CRATE]`.
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

/// Runs `cargo xtask lower`: lowers each baseline to the present count, and never raises it.
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
