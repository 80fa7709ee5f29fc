//! A persistent hash map: a clone copies a pointer, a change copies one path.
//!
//! The registry publishes one of these after every batch of changes, and readers keep
//! the version they loaded. Nodes that only the writer holds are changed in place, so
//! the second and later changes of a batch copy next to nothing.
//!
//! Why not a crate: `imbl` and `rpds` are under the MPL, which this project accepts
//! case by case only, and this small part of them is all that is needed.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// Bits of the hash that one level uses.
const BITS: u32 = 5;
/// Number of slots in a branch.
const WIDTH: usize = 1 << BITS;
/// Number of entries a bucket may hold before it becomes a branch.
const BUCKET: usize = 8;
/// From this shift on no bits are left, so entries with equal hashes share a bucket of any size.
const MAX_SHIFT: u32 = 60;

/// A persistent hash map.
#[derive(Debug, Clone)]
pub(crate) struct Map<K, V> {
    root: Slot<K, V>,
    len: usize,
    hasher: foldhash::fast::FixedState,
}

#[derive(Debug)]
enum Slot<K, V> {
    Empty,
    Branch(Arc<[Slot<K, V>; WIDTH]>),
    Bucket(Arc<[Entry<K, V>]>),
}

#[derive(Debug, Clone)]
struct Entry<K, V> {
    // Kept, so that splitting a bucket hashes no key again.
    hash: u64,
    key: K,
    value: V,
}

impl<K, V> Clone for Slot<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Branch(branch) => Self::Branch(Arc::clone(branch)),
            Self::Bucket(bucket) => Self::Bucket(Arc::clone(bucket)),
        }
    }
}

fn index(hash: u64, shift: u32) -> usize {
    (hash >> shift) as usize & (WIDTH - 1)
}

impl<K: Hash + Eq + Clone, V: Clone> Map<K, V> {
    /// Returns an empty map. `seed` makes its hashes hard to guess.
    pub(crate) fn new(seed: u64) -> Self {
        Self { root: Slot::Empty, len: 0, hasher: foldhash::fast::FixedState::with_seed(seed) }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let (mut slot, mut shift) = (&self.root, 0);
        loop {
            match slot {
                Slot::Empty => return None,
                Slot::Branch(branch) => {
                    slot = &branch[index(hash, shift)];
                    shift += BITS;
                }
                Slot::Bucket(bucket) => {
                    return bucket
                        .iter()
                        .find(|entry| entry.hash == hash && entry.key.borrow() == key)
                        .map(|entry| &entry.value);
                }
            }
        }
    }

    /// Inserts a value, and returns the one it replaces.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hasher.hash_one(&key);
        let old = self.root.insert(Entry { hash, key, value }, 0);
        self.len += usize::from(old.is_none());
        old
    }

    /// Removes and returns a value.
    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        // Looked up first, because a miss must not copy the path.
        self.get(key)?;
        let old = self.root.remove(self.hasher.hash_one(key), key, 0);
        self.len -= usize::from(old.is_some());
        old
    }

    /// Returns all entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        // An explicit stack: recursion cannot be an iterator without boxing each level.
        let mut stack = vec![std::slice::from_ref(&self.root).iter()];
        let mut bucket: std::slice::Iter<'_, Entry<K, V>> = [].iter();
        std::iter::from_fn(move || {
            loop {
                if let Some(entry) = bucket.next() {
                    return Some((&entry.key, &entry.value));
                }
                let level = stack.last_mut()?;
                match level.next() {
                    None => drop(stack.pop()),
                    Some(Slot::Empty) => {}
                    Some(Slot::Branch(branch)) => stack.push(branch.iter()),
                    Some(Slot::Bucket(found)) => bucket = found.iter(),
                }
            }
        })
    }
}

impl<K: Eq + Clone, V: Clone> Slot<K, V> {
    fn insert(&mut self, entry: Entry<K, V>, shift: u32) -> Option<V> {
        match self {
            Self::Empty => {
                *self = Self::Bucket(Arc::new([entry]));
                None
            }
            Self::Branch(branch) => {
                let at = index(entry.hash, shift);
                Arc::make_mut(branch)[at].insert(entry, shift + BITS)
            }
            Self::Bucket(bucket) => {
                let same = bucket
                    .iter()
                    .position(|known| known.hash == entry.hash && known.key == entry.key);
                if let Some(at) = same {
                    return Some(std::mem::replace(
                        &mut Arc::make_mut(bucket)[at].value,
                        entry.value,
                    ));
                }
                if bucket.len() >= BUCKET && shift < MAX_SHIFT {
                    *self = Self::split(bucket, shift);
                    return self.insert(entry, shift);
                }
                *bucket = bucket.iter().cloned().chain([entry]).collect();
                None
            }
        }
    }

    /// Distributes the entries of a full bucket over a branch.
    fn split(bucket: &[Entry<K, V>], shift: u32) -> Self {
        let mut branch = [const { Self::Empty }; WIDTH];
        for entry in bucket {
            branch[index(entry.hash, shift)].insert(entry.clone(), shift + BITS);
        }
        Self::Branch(Arc::new(branch))
    }

    fn remove<Q>(&mut self, hash: u64, key: &Q, shift: u32) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        match self {
            Self::Empty => None,
            Self::Branch(branch) => {
                let slots = Arc::make_mut(branch);
                let old = slots[index(hash, shift)].remove(hash, key, shift + BITS);
                if slots.iter().all(|slot| matches!(slot, Self::Empty)) {
                    *self = Self::Empty;
                }
                old
            }
            Self::Bucket(bucket) => {
                let at = bucket
                    .iter()
                    .position(|entry| entry.hash == hash && entry.key.borrow() == key)?;
                let old = bucket[at].value.clone();
                *self = match bucket.len() {
                    1 => Self::Empty,
                    _ => {
                        let rest = bucket.iter().enumerate().filter(|&(other, _)| other != at);
                        Self::Bucket(rest.map(|(_, entry)| entry.clone()).collect())
                    }
                };
                Some(old)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// A key whose hash the test chooses: collisions included.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Clumsy(u16);

    impl Hash for Clumsy {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            (self.0 % 7).hash(state);
        }
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_hash_map_and_old_versions_do_not_change(
            steps in prop::collection::vec((any::<bool>(), 0u16..600, any::<u32>()), 0..800)
        ) {
            let (mut map, mut model) = (Map::new(7), HashMap::new());
            let mut versions = Vec::new();
            for (at, (insert, key, value)) in steps.into_iter().enumerate() {
                if insert {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                } else {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                }
                if at % 100 == 0 {
                    versions.push((map.clone(), model.clone()));
                }
            }
            versions.push((map, model));
            for (map, model) in versions {
                prop_assert_eq!(map.len(), model.len());
                let found: HashMap<_, _> = map.iter().map(|(k, v)| (*k, *v)).collect();
                prop_assert_eq!(&found, &model);
                prop_assert!(model.iter().all(|(k, v)| map.get(k) == Some(v)));
            }
        }
    }

    #[test]
    fn keys_with_one_hash_are_kept_apart() {
        let mut map = Map::new(1);
        for number in 0..500 {
            assert_eq!(map.insert(Clumsy(number), number), None);
        }
        assert_eq!(map.len(), 500);
        assert!((0..500).all(|number| map.get(&Clumsy(number)) == Some(&number)));
        assert!((0..500).all(|number| map.remove(&Clumsy(number)) == Some(number)));
        assert_eq!((map.len(), map.iter().count()), (0, 0));
    }
}
