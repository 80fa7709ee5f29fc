//! The members of a group: an ordered list that is cheap to clone and to change.

use std::sync::Arc;

/// Number of members in one chunk. A change of a shared list copies one chunk, and one pointer for
/// each of the others.
const CHUNK: usize = 64;

/// The members in the order they joined, each with the number of its join.
#[derive(Debug, Clone)]
pub(crate) struct Members<T> {
    chunks: Vec<Arc<Vec<(u64, T)>>>,
    next: u64,
    len: usize,
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), next: 0, len: 0 }
    }
}

impl<T: Clone> Members<T> {
    /// Appends a member, and returns the number of its join.
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
        // Numbers only grow, so both searches can be binary.
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

    /// Returns the members with the numbers of their joins.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().map(|(number, member)| (*number, member)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_in_the_order_of_their_joins() {
        let mut members = Members::default();
        let numbers: Vec<_> = (0..300).map(|member| members.join(member)).collect();
        let old = members.clone();
        numbers.iter().filter(|number| *number % 3 == 0).for_each(|&number| members.leave(number));
        members.leave(0);
        let left: Vec<_> = members.iter().map(|(_, member)| *member).collect();
        assert_eq!(left, (0..300).filter(|member| member % 3 != 0).collect::<Vec<_>>());
        assert_eq!((members.len(), old.len()), (200, 300));
    }
}
