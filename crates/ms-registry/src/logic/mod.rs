//! The decisions of the registry, and the data structures they work on. Nothing in here sends,
//! waits, or names a clock or a runtime.

pub(crate) mod map;
pub(crate) mod members;
pub(crate) mod nearest;
pub(crate) mod table;
