//! The decisions of a listener, as pure machines: no tokio, no clock, no log.

mod admission;
mod backoff;
mod occupant;
mod reach;
mod spare;

pub(crate) use admission::{Admission, Ticket};
pub(crate) use occupant::{Occupant, occupant_of, owner_or_root};
pub(crate) use spare::SpareLine;

pub use admission::Full;
pub use backoff::AcceptBackoff;
pub use reach::{Callers, is_loopback, may_bind};
