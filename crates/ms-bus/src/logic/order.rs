//! One order over the items of several subscriptions. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// Items of several subscriptions in the order they came.
///
/// Two indexes instead of one queue: a subscription drops its oldest item, or leaves with all of
/// them, without a walk over the items of the others.
#[derive(Debug)]
pub(crate) struct InOrder<T> {
    /// The place of the newest item. No place is used twice.
    newest: u64,
    items: BTreeMap<u64, (u64, T)>,
    /// The places of each subscription's items, oldest first.
    places: HashMap<u64, VecDeque<u64>>,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self { newest: 0, items: BTreeMap::new(), places: HashMap::new() }
    }
}

impl<T> InOrder<T> {
    /// Puts an item of a subscription behind all others.
    pub(crate) fn push(&mut self, of: u64, item: T) {
        self.newest += 1;
        self.items.insert(self.newest, (of, item));
        self.places.entry(of).or_default().push_back(self.newest);
    }

    /// Takes the oldest item, unless it came after the place `last`.
    pub(crate) fn pop(&mut self, last: Option<u64>) -> Option<T> {
        let (place, _) = self.items.first_key_value()?;
        if last.is_some_and(|last| *place > last) {
            return None;
        }
        let (_, (of, item)) = self.items.pop_first()?;
        self.forget_first(of);
        Some(item)
    }

    /// Takes the oldest item of a subscription.
    pub(crate) fn pop_of(&mut self, of: u64) -> Option<T> {
        let place = *self.places.get(&of)?.front()?;
        self.forget_first(of);
        self.items.remove(&place).map(|(_, item)| item)
    }

    /// Takes all items of a subscription.
    pub(crate) fn take_all(&mut self, of: u64) -> Vec<T> {
        let places = self.places.remove(&of).unwrap_or_default();
        places.iter().filter_map(|place| self.items.remove(place)).map(|(_, item)| item).collect()
    }

    /// Returns how many items of a subscription wait.
    pub(crate) fn len_of(&self, of: u64) -> usize {
        self.places.get(&of).map_or(0, VecDeque::len)
    }

    /// Returns how many items wait.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns the place of the newest item there ever was.
    pub(crate) const fn newest(&self) -> u64 {
        self.newest
    }

    fn forget_first(&mut self, of: u64) {
        if let Some(places) = self.places.get_mut(&of) {
            places.pop_front();
            if places.is_empty() {
                self.places.remove(&of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Compared with a plain list: same items, same order, after any steps.
        #[test]
        fn it_is_a_list_in_which_each_subscription_can_give_up_its_own(
            steps in proptest::collection::vec((0_u8..5, 0_u64..4), 0..200),
        ) {
            let (mut order, mut list) = (InOrder::default(), Vec::<(u64, usize)>::new());
            for (n, (what, of)) in steps.into_iter().enumerate() {
                let first = list.iter().position(|(owner, _)| *owner == of);
                match what {
                    0 | 1 => { order.push(of, n); list.push((of, n)); }
                    2 => {
                        let oldest = (!list.is_empty()).then(|| list.remove(0).1);
                        prop_assert_eq!(order.pop(None), oldest);
                    }
                    3 => prop_assert_eq!(order.pop_of(of), first.map(|at| list.remove(at).1)),
                    _ => {
                        let all = order.take_all(of);
                        let (gone, stay): (Vec<_>, Vec<_>) =
                            list.into_iter().partition(|(owner, _)| *owner == of);
                        prop_assert_eq!(all, gone.into_iter().map(|(_, n)| n).collect::<Vec<_>>());
                        list = stay;
                    }
                }
                prop_assert_eq!(order.len(), list.len());
                let own = list.iter().filter(|(owner, _)| *owner == of).count();
                prop_assert_eq!(order.len_of(of), own);
                prop_assert_eq!(order.places.contains_key(&of), own > 0, "nothing is left behind");
            }
        }
    }

    #[test]
    fn items_that_came_after_a_place_stay() {
        let mut order = InOrder::default();
        order.push(1, 'a');
        let last = Some(order.newest());
        order.push(1, 'b');
        assert_eq!(
            (order.pop(last), order.pop(last), order.pop(None)),
            (Some('a'), None, Some('b'))
        );
    }
}
