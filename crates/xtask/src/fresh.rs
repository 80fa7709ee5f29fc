//! The first seed of random tests. It changes with every commit and every day, and is printed before
//! anything is played. To repeat a run, set the variable.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::workspace::{Error, Workspace, capture_in};

/// Read by everything that plays seeds, the tests of the workspace included.
pub(crate) const VARIABLE: &str = "MS_SEED";
/// At most twelve digits, so that runs may count up from the first seed.
// Far above the seeds that every run once played: the code was tuned to those, and of others about
// three in 100,000 failed.
const FIRST: u64 = 1_000_000_000;
const RANGE: u64 = 999_000_000_000;
const SECONDS_OF_A_DAY: u64 = 86_400;

/// The first seed of a run, and where it comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) seed: u64,
    from: String,
}

impl Fresh {
    /// Returns the seed in `MS_SEED`, or else one that follows from the commit and the day.
    #[allow(clippy::disallowed_methods, reason = "the day a command is run on, not a task's time")]
    pub(crate) fn of(workspace: &Workspace) -> Result<Self, Error> {
        let given = std::env::var(VARIABLE).ok();
        // An unpacked archive has no commit, so the seed follows from the day alone.
        let commit = capture_in(&workspace.root, "git", &["rev-parse", "HEAD"]).ok();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::choose(given.as_deref(), commit.as_deref(), now.as_secs() / SECONDS_OF_A_DAY)
    }

    fn choose(given: Option<&str>, commit: Option<&str>, day: u64) -> Result<Self, Error> {
        if let Some(given) = given {
            let seed = given.trim().parse().map_err(|_| {
                Error::new(format!("{VARIABLE} is `{given}`: want the number that a run printed"))
            })?;
            return Ok(Self { seed, from: VARIABLE.to_owned() });
        }
        let commit = commit.map_or("", str::trim);
        let bytes = commit.bytes().chain(day.to_le_bytes());
        let seed = FIRST + fnv1a(bytes) % RANGE;
        let commit = commit.get(..12).unwrap_or("no commit");
        Ok(Self { seed, from: format!("{commit}, day {day}") })
    }

    /// Returns a line to print before the first seed is played.
    pub(crate) fn line(&self) -> String {
        let Self { seed, from } = self;
        format!(
            "random evidence begins at seed {seed} (of {from}); the same again: {VARIABLE}={seed}"
        )
    }
}

// Not the hasher of std, which may change between releases of Rust: a commit and a day must give
// the same seed everywhere.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(given: Option<&str>, commit: Option<&str>, day: u64) -> Fresh {
        Fresh::choose(given, commit, day).expect("a seed")
    }

    #[test]
    fn every_commit_and_every_day_begin_elsewhere_and_the_same_twice_alike() {
        let (one, other) = (Some("51c227f0a1b2c3d4"), Some("6c5d86a0a1b2c3d4"));
        let first = chosen(None, one, 20_000);
        assert_eq!(chosen(None, one, 20_000), first);
        for elsewhere in [chosen(None, other, 20_000), chosen(None, one, 20_001)] {
            assert_ne!(elsewhere.seed, first.seed);
        }
        assert!((FIRST..FIRST + RANGE).contains(&first.seed));
        assert!(first.line().contains("51c227f0a1b2"), "{}", first.line());
        assert!(first.line().contains(&format!("MS_SEED={}", first.seed)), "{}", first.line());
    }

    #[test]
    fn without_a_commit_the_day_decides_and_a_given_seed_before_all() {
        assert_ne!(chosen(None, None, 1).seed, chosen(None, None, 2).seed);
        assert_eq!(chosen(Some("42\n"), Some("51c227f0a1b2c3d4"), 1).seed, 42);
        let error = Fresh::choose(Some("forty-two"), None, 1).expect_err("no number").to_string();
        assert!(error.contains("MS_SEED is `forty-two`"), "{error}");
    }
}
