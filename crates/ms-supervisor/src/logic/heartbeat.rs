//! Which children are hung, and when to look again.

use std::time::Duration;

use ms_policy::ChildKey;

use crate::heartbeat::Heartbeat;

/// The shortest time between two looks: more of them would find nothing sooner that matters.
const MIN_EVERY: Duration = Duration::from_millis(10);

/// A child that has been at one message for a while.
#[derive(Debug)]
pub(crate) struct Silence {
    pub(crate) key: ChildKey,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) lasted: Duration,
}

/// What a look at all children has found.
#[derive(Debug)]
pub(crate) struct Findings {
    /// The hung ones, with the beats that each has missed.
    pub(crate) hung: Vec<(ChildKey, u32)>,
    /// When to look again, where that is before the next regular look.
    pub(crate) look_after: Option<Duration>,
}

/// Returns how often to look after a child with this heartbeat.
pub(crate) fn interval(heartbeat: &Heartbeat) -> Duration {
    heartbeat.every.max(MIN_EVERY)
}

/// Judges the silent children; `every` is the time between two regular looks, if there are any.
///
/// How soon a child is found depends on its own beats, not on when the supervisor looks.
pub(crate) fn judge(every: Option<Duration>, silent: impl Iterator<Item = Silence>) -> Findings {
    let every = every.unwrap_or(MIN_EVERY);
    let (mut hung, mut soonest) = (Vec::new(), every);
    for Silence { key, heartbeat, lasted } in silent {
        match heartbeat.limit().checked_sub(lasted) {
            Some(left) => soonest = soonest.min(left),
            None => hung.push((key, heartbeat.missed)),
        }
    }
    // Never sooner than `MIN_EVERY`: with many children there would be a look for each.
    Findings { hung, look_after: (soonest < every).then(|| soonest.max(MIN_EVERY)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn silence(key: u64, lasted: Duration) -> Silence {
        let heartbeat = Heartbeat { every: 100 * MS, missed: 3 };
        Silence { key: ChildKey::from_raw(key), heartbeat, lasted }
    }

    #[test]
    fn a_child_is_hung_when_its_limit_is_over_and_not_before() {
        let found = judge(Some(100 * MS), [silence(1, 301 * MS), silence(2, 300 * MS)].into_iter());
        assert_eq!(found.hung, [(ChildKey::from_raw(1), 3)]);
        assert_eq!(found.look_after, Some(10 * MS), "the second one is hung any moment");
    }

    #[test]
    fn no_look_is_put_in_between_when_the_next_regular_one_is_soon_enough() {
        let found = judge(Some(100 * MS), std::iter::once(silence(1, 150 * MS)));
        assert!(found.hung.is_empty());
        assert_eq!(found.look_after, None);
    }
}
