//! The partition of a key, and the member of a queue group that gets an event. Pure.
//!
//! The hashes are spelled out here because they are a contract: a key belongs to the same
//! partition in every process, today and after an upgrade. The standard library's hasher and
//! those of crates promise no such thing.

/// The number of a partition, from 0.
pub type Partition = u32;

/// Returns the partition of a key: FNV-1a over its bytes, mixed, modulo the number of partitions.
#[must_use]
pub(crate) fn partition_of(key: &str, partitions: u32) -> Partition {
    let partitions = u64::from(partitions.max(1));
    #[allow(clippy::cast_possible_truncation, reason = "smaller than the number of partitions")]
    let partition = (mix(hash(key.as_bytes())) % partitions) as u32;
    partition
}

/// Returns the hash by which a member of a group is known. `name` must not change over restarts
/// of the member, or its partitions would move with each.
pub(crate) fn member_hash(name: &str) -> u64 {
    mix(hash(name.as_bytes()))
}

/// Returns the index of the member that serves a partition: the one with the highest weight
/// (rendezvous hashing). When a member comes or goes, only its own partitions move, and unlike a
/// ring this needs no state.
pub(crate) fn owner(
    partition: Partition,
    members: impl Iterator<Item = (usize, u64)>,
) -> Option<usize> {
    let weight = |member: u64| mix(member ^ mix(u64::from(partition) + 1));
    members.max_by_key(|(at, member)| (weight(*member), *at)).map(|(at, _)| at)
}

/// Returns the order in which members are tried for an event without a key: all of them, each
/// turn beginning with the next.
pub(crate) fn turns(turn: u64, members: usize) -> impl Iterator<Item = usize> {
    let count = members.max(1) as u64;
    #[allow(clippy::cast_possible_truncation, reason = "smaller than the number of members")]
    let first = (turn % count) as usize;
    (0..members).map(move |step| (first + step) % members)
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Mixes a number with the finaliser of splitmix64: every bit of the input reaches every bit of
/// the output, which FNV-1a alone does not do.
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn owners(members: &[u64], partitions: u32) -> Vec<u64> {
        let all = || members.iter().copied().enumerate();
        (0..partitions).map(|one| members[owner(one, all()).unwrap()]).collect()
    }

    /// Fixed for good: other processes and later versions must agree.
    #[test]
    fn the_partition_of_a_key_is_a_contract() {
        let keys = ["", "customer-1", "customer-2", "ü"];
        let found: Vec<_> = keys.iter().map(|key| partition_of(key, 64)).collect();
        // As computed by hand, in another language.
        assert_eq!(found, [27, 27, 6, 26]);
        assert_eq!(partition_of("anything", 1), 0);
        assert_eq!(partition_of("anything", 0), 0, "no partitions count as one");
    }

    #[test]
    fn partitions_spread_over_members_and_keys_over_partitions() {
        let members: Vec<u64> = (0..4).map(|n| member_hash(&format!("/root/w{n}"))).collect();
        let owners = owners(&members, 64);
        for member in &members {
            let share = owners.iter().filter(|owner| *owner == member).count();
            assert!((6..=26).contains(&share), "{share} of 64");
        }
        let used: BTreeSet<_> = (0..1000).map(|n| partition_of(&format!("k{n}"), 64)).collect();
        assert_eq!(used.len(), 64);
    }

    proptest! {
        /// A member that goes moves its own partitions alone; so does one that comes.
        #[test]
        fn only_the_partitions_of_who_goes_move(
            members in proptest::collection::btree_set(any::<u64>(), 2..12),
            gone in any::<prop::sample::Index>(),
        ) {
            let all: Vec<u64> = members.into_iter().collect();
            let gone = all[gone.index(all.len())];
            let left: Vec<u64> = all.iter().copied().filter(|one| *one != gone).collect();
            for (before, after) in owners(&all, 64).into_iter().zip(owners(&left, 64)) {
                prop_assert!(before == gone || before == after);
            }
        }

        /// Who serves a partition does not depend on the order the members came in.
        #[test]
        fn the_order_of_members_does_not_matter(
            members in proptest::collection::btree_set(any::<u64>(), 1..12),
        ) {
            let mut members: Vec<u64> = members.into_iter().collect();
            let before = owners(&members, 64);
            members.reverse();
            prop_assert_eq!(before, owners(&members, 64));
        }

        /// Each turn goes once over all, and n turns begin once with each.
        #[test]
        fn turns_are_fair(first in any::<u32>(), members in 1_usize..20) {
            let mut starts = BTreeSet::new();
            for turn in 0..members as u64 {
                let order: Vec<_> = turns(u64::from(first) + turn, members).collect();
                starts.insert(order[0]);
                let distinct: BTreeSet<_> = order.iter().collect();
                prop_assert!(order.len() == members && distinct.len() == members);
            }
            prop_assert_eq!(starts.len(), members);
        }

        #[test]
        fn a_key_has_one_partition_within_bounds(key in ".{0,20}", partitions in 1_u32..1000) {
            let partition = partition_of(&key, partitions);
            prop_assert!(partition < partitions);
            prop_assert_eq!(partition, partition_of(&key, partitions));
        }
    }
}
