//! How many connections may be open, in total and from one address.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::reach::is_loopback;

/// The limit that keeps a connection out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Full {
    /// As many connections are open as may be.
    #[error("all {limit} connections are in use")]
    InTotal {
        /// How many may be open.
        limit: usize,
    },
    /// As many connections are open as one address may have.
    #[error("all {limit} connections of this address are in use")]
    OfAddress {
        /// How many one address may have.
        limit: usize,
    },
}

/// Counts the open connections and refuses those beyond the limits.
///
/// Addresses of this machine count in total only: everything behind a proxy on the same
/// machine would share one.
#[derive(Debug)]
pub(crate) struct Admission {
    total: usize,
    per_address: Option<usize>,
    open: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// What one admitted connection counts against; given back with [`Admission::leave`].
#[derive(Debug)]
pub(crate) struct Ticket(Option<IpAddr>);

impl Admission {
    pub(crate) fn new(total: usize, per_address: Option<usize>) -> Self {
        Self { total, per_address, open: 0, by_address: BTreeMap::new() }
    }

    /// Returns whether the total leaves room for one more, wherever it comes from.
    pub(crate) const fn has_room(&self) -> bool {
        self.open < self.total
    }

    /// Admits a connection from `address`; `None` where callers have no address.
    ///
    /// # Errors
    /// [`Full`] names the limit that is reached; nothing is counted then.
    pub(crate) fn enter(&mut self, address: Option<IpAddr>) -> Result<Ticket, Full> {
        if !self.has_room() {
            return Err(Full::InTotal { limit: self.total });
        }
        let counted = address.filter(|&address| !is_loopback(address));
        if let (Some(limit), Some(address)) = (self.per_address, counted) {
            let count = self.by_address.get(&address).copied().unwrap_or(0);
            if count >= limit {
                return Err(Full::OfAddress { limit });
            }
            self.by_address.insert(address, count + 1);
        }
        self.open += 1;
        // Without a limit by address nothing was counted above, so nothing is given back.
        Ok(Ticket(self.per_address.and(counted)))
    }

    /// Gives the place of a connection back.
    pub(crate) fn leave(&mut self, Ticket(address): Ticket) {
        self.open -= 1;
        let Some(address) = address else { return };
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            // An entry per address that ever called would be a memory without a bound.
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    /// Returns how many connections are open.
    #[cfg(test)]
    pub(crate) const fn open(&self) -> usize {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)));
    const THERE: Option<IpAddr> = Some(IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 2)));
    const LOCAL: Option<IpAddr> = Some(IpAddr::V4(core::net::Ipv4Addr::LOCALHOST));

    #[test]
    fn an_address_gets_its_places_and_no_more() {
        let mut admission = Admission::new(100, Some(2));
        let first = admission.enter(HERE).expect("has room");
        let second = admission.enter(HERE).expect("has room");
        assert_eq!(admission.enter(HERE).expect_err("full"), Full::OfAddress { limit: 2 });
        let there = admission.enter(THERE).expect("another address");
        admission.leave(first);
        let third = admission.enter(HERE).expect("has room again");
        let local: Vec<_> = (0..10).map(|_| admission.enter(LOCAL).expect("is free")).collect();
        assert_eq!(admission.open(), 13);
        for ticket in local.into_iter().chain([second, there, third]) {
            admission.leave(ticket);
        }
        assert!(admission.open() == 0 && admission.by_address.is_empty());
    }

    #[test]
    fn the_total_holds_for_every_address_and_for_callers_without_one() {
        let mut admission = Admission::new(3, None);
        let tickets: Vec<_> =
            [HERE, LOCAL, None].map(|from| admission.enter(from).expect("has room")).into();
        assert!(!admission.has_room());
        for from in [HERE, LOCAL, None] {
            assert_eq!(admission.enter(from).expect_err("full"), Full::InTotal { limit: 3 });
        }
        assert_eq!(admission.open(), 3, "a refused connection is not counted");
        for ticket in tickets {
            admission.leave(ticket);
        }
        assert!(admission.has_room());
    }

    #[test]
    fn an_address_that_is_refused_takes_no_place_of_the_total() {
        let mut admission = Admission::new(2, Some(1));
        let _only = admission.enter(HERE).expect("has room");
        admission.enter(HERE).expect_err("full");
        admission.enter(THERE).expect("the second place in total is free");
    }
}
