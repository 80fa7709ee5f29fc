//! Which descriptors connections leave to the rest of the process.

/// The first descriptor number that a connection may not have.
///
/// The kernel hands out the lowest number that is free, so the number that comes next tells
/// how many are taken without counting them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpareLine {
    from: Option<u64>,
}

impl SpareLine {
    /// Spares `spare` descriptors of a process that may have `limit`, but at most an eighth of the
    /// limit. Spares none when there is no limit or `spare` is 0.
    pub(crate) fn new(spare: u64, limit: Option<u64>) -> Self {
        let limit = limit.filter(|_| spare > 0);
        Self { from: limit.map(|limit| limit - spare.min(limit / 8)) }
    }

    /// Returns whether the line can be crossed at all.
    pub(crate) const fn is_drawn(self) -> bool {
        self.from.is_some()
    }

    /// Returns whether a connection with this descriptor would take a spared one.
    pub(crate) const fn is_crossed_by(self, descriptor: u64) -> bool {
        matches!(self.from, Some(from) if descriptor >= from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_spared_as_wanted_and_an_eighth_at_most() {
        let line = SpareLine::new(32, Some(1024));
        assert!(line.is_drawn() && !line.is_crossed_by(991) && line.is_crossed_by(992));
        let line = SpareLine::new(32, Some(64));
        assert!(!line.is_crossed_by(55) && line.is_crossed_by(56));
    }

    #[test]
    fn without_a_limit_or_a_wish_every_descriptor_is_for_connections() {
        for line in [SpareLine::new(32, None), SpareLine::new(0, Some(64))] {
            assert!(!line.is_drawn() && !line.is_crossed_by(u64::MAX));
        }
    }
}
