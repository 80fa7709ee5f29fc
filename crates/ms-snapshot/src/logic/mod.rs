//! The decisions of the store: the names on disk, and the saves that are kept. Nothing in here
//! reads or writes.

pub(crate) mod layout;
pub(crate) mod retention;
