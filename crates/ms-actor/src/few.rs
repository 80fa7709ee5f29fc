//! A list that is nearly always empty: one word while it is.

use std::ops::{Deref, DerefMut};

/// As `Vec`, but the size of one pointer, and no allocation before the first entry.
#[derive(Debug)]
pub(crate) struct Few<T>(
    #[allow(clippy::box_collection, reason = "the point: three words less in every actor")]
    Option<Box<Vec<T>>>,
);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Few<T> {
    pub(crate) fn push(&mut self, entry: T) {
        self.0.get_or_insert_default().push(entry);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.0.as_mut()?.pop()
    }

    pub(crate) fn remove(&mut self, at: usize) -> Option<T> {
        self.0.as_mut().filter(|list| at < list.len()).map(|list| list.remove(at))
    }

    pub(crate) fn swap_remove(&mut self, at: usize) -> Option<T> {
        self.0.as_mut().filter(|list| at < list.len()).map(|list| list.swap_remove(at))
    }

    /// Moves all of `other` to the end of this one.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if let Some(more) = other.0.as_mut().filter(|more| !more.is_empty()) {
            self.0.get_or_insert_default().append(more);
        }
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        if let Some(list) = &mut self.0 {
            list.retain(keep);
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some(list) = &mut self.0 {
            list.clear();
        }
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.0.iter_mut().flat_map(|list| list.drain(..))
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(|list| *list).unwrap_or_default().into_iter()
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_ref().map_or(&[], |list| list.as_slice())
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_mut().map_or(&mut [], |list| list.as_mut_slice())
    }
}
