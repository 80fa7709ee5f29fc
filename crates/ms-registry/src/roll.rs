//! The members of a group: an ordered list that is cheap to copy and to change.

use std::sync::Arc;

/// Members of one chunk: a join copies at most this many, and one pointer a chunk.
const CHUNK: usize = 64;

/// Members in the order they joined, each with the number of its join.
#[derive(Debug, Clone)]
pub(crate) struct Roll<T> {
    chunks: Vec<Arc<Vec<(u64, T)>>>,
    next: u64,
    len: usize,
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), next: 0, len: 0 }
    }
}

impl<T: Clone> Roll<T> {
    /// Appends a member; the number of its join comes back.
    pub(crate) fn join(&mut self, member: T) -> u64 {
        let number = self.next;
        self.next += 1;
        self.len += 1;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => Arc::make_mut(chunk).push((number, member)),
            _ => self.chunks.push(Arc::new(vec![(number, member)])),
        }
        number
    }

    /// Undoes the join of this number.
    pub(crate) fn leave(&mut self, number: u64) {
        let at = self
            .chunks
            .partition_point(|chunk| chunk.last().is_some_and(|&(last, _)| last < number));
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let Ok(within) = chunk.binary_search_by_key(&number, |&(known, _)| known) else { return };
        self.len -= 1;
        if chunk.len() == 1 {
            self.chunks.remove(at);
        } else {
            Arc::make_mut(chunk).remove(within);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Members with the numbers of their joins.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().map(|(number, member)| (*number, member)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_in_the_order_of_their_joins() {
        let mut roll = Roll::default();
        let numbers: Vec<_> = (0..300).map(|member| roll.join(member)).collect();
        let old = roll.clone();
        numbers.iter().filter(|number| *number % 3 == 0).for_each(|&number| roll.leave(number));
        roll.leave(0);
        let left: Vec<_> = roll.iter().map(|(_, member)| *member).collect();
        assert_eq!(left, (0..300).filter(|member| member % 3 != 0).collect::<Vec<_>>());
        assert_eq!((roll.len(), old.len()), (200, 300));
    }
}
