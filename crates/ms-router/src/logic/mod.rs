//! The decisions of the router: which handler gets a message, and the one result of many answers.
//! Nothing in here sends or waits.

pub(crate) mod aggregate;
pub(crate) mod balance;
