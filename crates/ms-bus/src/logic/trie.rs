//! The subscriptions by filter: a tree of tokens. Pure; a copy shares whatever is not changed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::subject::{Filter, ONE, Subject, TAIL};

/// Items kept under filters and found by subject.
///
/// A clone costs one reference count. A change copies the nodes on its path only, so a published
/// copy never changes under its readers, and a change does not cost a copy of the whole tree.
#[derive(Debug, Clone)]
pub(crate) struct Trie<T> {
    root: Arc<Level<T>>,
}

#[derive(Debug, Clone)]
struct Level<T> {
    /// Items of filters that end here.
    here: Vec<T>,
    /// Items of filters that end with `>` here.
    rest: Vec<T>,
    tokens: HashMap<Box<str>, Arc<Level<T>>>,
    one: Option<Arc<Level<T>>>,
}

impl<T> Default for Level<T> {
    fn default() -> Self {
        Self { here: Vec::new(), rest: Vec::new(), tokens: HashMap::new(), one: None }
    }
}

impl<T> Level<T> {
    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.rest.is_empty() && self.tokens.is_empty() && self.one.is_none()
    }
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self { root: Arc::default() }
    }
}

impl<T: Clone> Trie<T> {
    /// Puts `item` under a filter, behind the items that are there.
    pub(crate) fn insert(&mut self, filter: &Filter, item: T) {
        let tokens: Vec<&str> = filter.tokens().collect();
        at(Arc::make_mut(&mut self.root), &tokens).push(item);
    }

    /// Removes the items under a filter that are `unwanted`.
    pub(crate) fn remove(&mut self, filter: &Filter, unwanted: impl Fn(&T) -> bool) {
        let tokens: Vec<&str> = filter.tokens().collect();
        prune(Arc::make_mut(&mut self.root), &tokens, &unwanted);
    }

    /// Calls `found` with each item whose filter matches the subject.
    pub(crate) fn matches<'a>(&'a self, subject: &Subject, mut found: impl FnMut(&'a T)) {
        let tokens: Vec<&str> = subject.tokens().collect();
        collect(&self.root, &tokens, &mut found);
    }
}

/// Returns the list of items at the end of a filter's tokens, and creates it where it is missing.
fn at<'a, T: Clone>(level: &'a mut Level<T>, tokens: &[&str]) -> &'a mut Vec<T> {
    match tokens {
        [] => &mut level.here,
        [TAIL] => &mut level.rest,
        [ONE, below @ ..] => at(Arc::make_mut(level.one.get_or_insert_default()), below),
        [token, below @ ..] => {
            at(Arc::make_mut(level.tokens.entry((*token).into()).or_default()), below)
        }
    }
}

fn prune<T: Clone>(level: &mut Level<T>, tokens: &[&str], unwanted: &impl Fn(&T) -> bool) {
    match tokens {
        [] => level.here.retain(|item| !unwanted(item)),
        [TAIL] => level.rest.retain(|item| !unwanted(item)),
        [ONE, below @ ..] => {
            let Some(one) = &mut level.one else { return };
            prune(Arc::make_mut(one), below, unwanted);
            if one.is_empty() {
                level.one = None;
            }
        }
        [token, below @ ..] => {
            let Some(next) = level.tokens.get_mut(*token) else { return };
            prune(Arc::make_mut(next), below, unwanted);
            if next.is_empty() {
                level.tokens.remove(*token);
            }
        }
    }
}

/// Collects the matches below a level. The recursion is no deeper than a subject has tokens.
fn collect<'a, T>(level: &'a Level<T>, tokens: &[&str], found: &mut impl FnMut(&'a T)) {
    let [token, below @ ..] = tokens else {
        level.here.iter().for_each(found);
        return;
    };
    level.rest.iter().for_each(&mut *found);
    if let Some(next) = level.tokens.get(*token) {
        collect(next, below, found);
    }
    if let Some(next) = &level.one {
        collect(next, below, found);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(trie: &Trie<usize>, subject: &Subject) -> Vec<usize> {
        let mut found = Vec::new();
        trie.matches(subject, |item| found.push(*item));
        found.sort_unstable();
        found
    }

    const FILTER: &str = "[abc*]([.][abc*]){0,3}([.]>)?|>";

    proptest! {
        /// The tree finds the same items as a comparison with each filter, before and after some
        /// are removed, and a copy taken before a change does not see it.
        #[test]
        fn it_finds_what_the_filters_say(
            filters in proptest::collection::vec(FILTER, 0..24),
            subjects in proptest::collection::vec("[abc]([.][abc]){0,4}", 1..12),
            gone in proptest::collection::vec(any::<bool>(), 24),
        ) {
            let filters: Vec<Filter> =
                filters.iter().map(|text| Filter::new(text).unwrap()).collect();
            let subjects: Vec<Subject> =
                subjects.iter().map(|text| Subject::new(text).unwrap()).collect();
            let mut trie = Trie::default();
            for (at, filter) in filters.iter().enumerate() {
                trie.insert(filter, at);
            }
            let before = trie.clone();
            for (at, filter) in filters.iter().enumerate().filter(|(at, _)| gone[*at]) {
                trie.remove(filter, |item| *item == at);
            }
            let wanted = |subject: &Subject, all: bool| -> Vec<usize> {
                let one = filters.iter().enumerate();
                one.filter(|(at, filter)| (all || !gone[*at]) && filter.matches(subject))
                    .map(|(at, _)| at)
                    .collect()
            };
            for subject in &subjects {
                prop_assert_eq!(found(&trie, subject), wanted(subject, false));
                prop_assert_eq!(found(&before, subject), wanted(subject, true));
            }
        }

        /// Removed items leave no nodes behind.
        #[test]
        fn it_is_empty_when_all_are_gone(filters in proptest::collection::vec(FILTER, 0..24)) {
            let mut trie = Trie::default();
            for text in &filters {
                trie.insert(&Filter::new(text).unwrap(), ());
            }
            for text in &filters {
                trie.remove(&Filter::new(text).unwrap(), |()| true);
            }
            prop_assert!(trie.root.is_empty());
        }
    }
}
