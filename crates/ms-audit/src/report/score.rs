//! How much attention a crate asks for. The table is in [`crate::report`].

use serde::{Deserialize, Serialize};

use super::Counts;
use crate::unit::{Licence, ManifestState, UnitFacts};

/// The parts of a score. Whole numbers, so that it is the same on every machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Points {
    /// For `unsafe` lines per thousand lines, up to 20.
    pub unsafe_density: u32,
    /// For the number of `unsafe` lines, up to 20.
    pub unsafe_volume: u32,
    /// For `unwrap` and `panic!` sites, up to 15.
    pub panics: u32,
    /// For a build script, 10.
    pub build_script: u32,
    /// For a procedural macro, 5.
    pub proc_macro: u32,
    /// For a missing licence, 15.
    pub licence: u32,
    /// For quarantined files, up to 15.
    pub quarantined: u32,
}

impl Points {
    /// Returns the points of a unit with these facts, shipped files and quarantined files.
    pub fn of(facts: &UnitFacts, shipped: &Counts, quarantined: u64) -> Self {
        let Counts { lines, unsafe_lines, unwrap_sites, panic_sites, .. } = *shipped;
        let doublings = u64::from(unsafe_lines.checked_ilog2().map_or(0, |log| log + 1));
        // Three lines of code with one `unsafe` are no reason to lead the ranking.
        let lines = lines.max(1000);
        Self {
            unsafe_density: capped(per_thousand(unsafe_lines, lines), 20),
            unsafe_volume: capped(2 * doublings, 20),
            panics: capped(per_thousand(unwrap_sites + 2 * panic_sites, lines) / 2, 15),
            build_script: if facts.build_script { 10 } else { 0 },
            proc_macro: if facts.proc_macro { 5 } else { 0 },
            licence: if lacks_licence(facts) { 15 } else { 0 },
            quarantined: capped(quarantined.saturating_mul(5), 15),
        }
    }

    /// Returns the sum of the points, from 0 to 100.
    pub fn score(&self) -> u32 {
        let Self {
            unsafe_density,
            unsafe_volume,
            panics,
            build_script,
            proc_macro,
            licence,
            quarantined,
        } = *self;
        unsafe_density + unsafe_volume + panics + build_script + proc_macro + licence + quarantined
    }
}

/// Returns `part` for each thousand of `whole`, rounded down.
pub(super) fn per_thousand(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000) / whole.max(1)
}

fn capped(points: u64, most: u32) -> u32 {
    u32::try_from(points).unwrap_or(most).min(most)
}

/// Returns whether a licence is missing. A folder without a manifest is not a crate, and has
/// nowhere to name one.
pub(super) fn lacks_licence(facts: &UnitFacts) -> bool {
    facts.licence == Licence::Missing && facts.manifest != ManifestState::Absent
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate that says nothing about itself.
    fn bare() -> UnitFacts {
        UnitFacts { manifest: ManifestState::Read, ..UnitFacts::unknown("u".into()) }
    }

    #[test]
    fn the_worst_crate_has_a_hundred_points() {
        let facts = UnitFacts { build_script: true, proc_macro: true, ..bare() };
        let most =
            Counts { lines: 1, unsafe_lines: u64::MAX, unwrap_sites: 1 << 40, ..Counts::default() };
        assert_eq!(Points::of(&facts, &most, u64::MAX).score(), 100);
    }

    #[test]
    fn a_plain_crate_has_none() {
        let facts = UnitFacts { licence: Licence::Expression("MIT".into()), ..bare() };
        assert_eq!(Points::of(&facts, &Counts::default(), 0), Points::default());
    }

    #[test]
    fn points_follow_the_table() {
        let facts = bare();
        let counts = Counts {
            lines: 2000,
            unsafe_lines: 8,
            unwrap_sites: 10,
            panic_sites: 5,
            ..Counts::default()
        };
        let expected = Points {
            unsafe_density: 4,
            unsafe_volume: 8,
            panics: 5,
            licence: 15,
            quarantined: 5,
            ..Points::default()
        };
        assert_eq!(Points::of(&facts, &counts, 1), expected);
        assert_eq!(expected.score(), 37);
    }
}
