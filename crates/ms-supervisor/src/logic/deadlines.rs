//! Any number of deadlines on one timer.

use std::collections::BTreeMap;

use ms_core::Tick;

/// Names one deadline. The second part tells those apart that fall on the same tick.
pub(crate) type DeadlineId = (Tick, u64);

/// Deadlines in the order they pass, and what is due then.
#[derive(Debug)]
pub(crate) struct Deadlines<D> {
    due: BTreeMap<DeadlineId, D>,
    next: u64,
    /// What the timer is armed for.
    armed: Option<Tick>,
}

impl<D> Default for Deadlines<D> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), next: 0, armed: None }
    }
}

impl<D> Deadlines<D> {
    pub(crate) fn add(&mut self, at: Tick, due: D) -> DeadlineId {
        let id = (at, self.next);
        self.next += 1;
        self.due.insert(id, due);
        id
    }

    pub(crate) fn cancel(&mut self, id: DeadlineId) {
        self.due.remove(&id);
    }

    /// Returns what the timer is to be armed for instead, if it comes too late or is not armed.
    ///
    /// It is left as it is where it comes too early, since its deadline was cancelled: children
    /// that stop in time cancel theirs by the thousand, and an idle expiry costs less than a
    /// new timer for each.
    pub(crate) fn rearm(&mut self) -> Option<Tick> {
        let (&(first, _), _) = self.due.first_key_value()?;
        if self.armed.is_some_and(|armed| armed <= first) {
            return None;
        }
        self.armed = Some(first);
        Some(first)
    }

    /// Notes that the timer has expired.
    pub(crate) fn expired(&mut self) {
        self.armed = None;
    }

    /// Takes out the earliest deadline that has passed.
    pub(crate) fn pop_passed(&mut self, now: Tick) -> Option<D> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(ms: u64) -> Tick {
        Tick::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn the_timer_is_armed_anew_only_for_an_earlier_deadline() {
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.rearm(), None);
        let later = deadlines.add(at(20), "later");
        assert_eq!(deadlines.rearm(), Some(at(20)));
        deadlines.add(at(30), "last");
        assert_eq!(deadlines.rearm(), None);
        deadlines.add(at(10), "first");
        assert_eq!(deadlines.rearm(), Some(at(10)));
        deadlines.cancel(later);
        deadlines.expired();
        assert_eq!(deadlines.pop_passed(at(10)), Some("first"));
        assert_eq!(deadlines.pop_passed(at(29)), None);
        assert_eq!(deadlines.rearm(), Some(at(30)));
    }

    #[test]
    fn deadlines_of_one_tick_pass_in_the_order_they_were_set() {
        let mut deadlines = Deadlines::default();
        for name in ["a", "b", "c"] {
            deadlines.add(at(1), name);
        }
        let passed: Vec<_> = std::iter::from_fn(|| deadlines.pop_passed(at(1))).collect();
        assert_eq!(passed, ["a", "b", "c"]);
    }
}
