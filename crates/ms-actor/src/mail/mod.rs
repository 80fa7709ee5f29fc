//! The mailbox of one actor: its bound, its queue, and the line of those who wait at it.

mod histogram;
pub(crate) mod line;
pub(crate) mod mailbox;
pub(crate) mod message;
pub(crate) mod spec;
