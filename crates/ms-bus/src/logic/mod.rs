//! The decisions of the bus that need nothing but their arguments: which subscriptions match a
//! subject, which member of a queue group gets an event, in which order events wait, how often
//! something may happen. No actor, clock, log or randomness is named in here.

pub(crate) mod order;
pub(crate) mod partition;
pub(crate) mod rate_limit;
pub(crate) mod trie;
