//! The seed of a random test.

use std::ops::Range;

/// The environment variable that sets the seed of a run, to repeat it.
pub const SEED_VARIABLE: &str = "MS_SEED";

/// Fresh seeds have ten to twelve digits: short enough to type, and tests may count up from them.
const FRESH: Range<u64> = 1_000_000_000..1_000_000_000_000;

/// Returns the seed of a random test, and prints it: the value of `MS_SEED`, or another one at every
/// run. `cargo xtask test` sets the variable to a number that follows from the commit and the day.
///
/// A test that always plays the same seeds finds nothing new after its first run. Keep a seed that
/// failed, and play it in addition to the fresh ones.
///
/// # Panics
/// If `MS_SEED` is set and is not a number: replaying some other seed would mislead.
#[must_use]
#[allow(clippy::print_stdout, clippy::panic, reason = "for tests, whose output the runner keeps")]
pub fn seed() -> u64 {
    let given = std::env::var(SEED_VARIABLE).ok();
    let seed = choose(given.as_deref()).unwrap_or_else(|text| {
        panic!("{SEED_VARIABLE} is `{text}`: want the number that a run printed")
    });
    println!("{SEED_VARIABLE}={seed}");
    seed
}

/// Returns the given seed, or a fresh one. The error is a text that is not a number.
fn choose(given: Option<&str>) -> Result<u64, &str> {
    match given {
        Some(text) => text.trim().parse().map_err(|_| text),
        None => Ok(fastrand::u64(FRESH)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_seed_is_played_and_another_one_where_there_is_none() {
        assert_eq!(choose(Some("42")), Ok(42));
        assert_eq!(choose(Some("forty-two")), Err("forty-two"));
        let drawn: std::collections::BTreeSet<u64> =
            (0..16).filter_map(|_| choose(None).ok()).collect();
        assert!(drawn.len() > 1, "always the same: {drawn:?}");
        assert!(drawn.iter().all(|seed| FRESH.contains(seed)));
    }
}
