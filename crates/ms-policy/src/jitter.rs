//! The jitter of delays between restarts.

/// A source of jitter: splitmix64 from a seed, so that the policy stays a function
/// of what it was fed.
#[derive(Debug, Clone)]
pub(super) struct Jitter(pub(super) u64);

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number in `0.0..1.0`.
    pub(super) fn next_unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 53 bits: as many as a double holds exactly.
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jitter_source_stays_in_the_unit_interval() {
        let mut jitter = Jitter::new(7);
        assert!((0..10_000).all(|_| (0.0..1.0).contains(&jitter.next_unit())));
    }
}
