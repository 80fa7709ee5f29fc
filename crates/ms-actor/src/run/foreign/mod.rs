//! How the kernel serves an unchanged actix actor (tier 2).
//!
//! The actor keeps `actix::Context` and its own mailbox; the kernel owns the
//! future actix made of both and polls it under `catch_unwind`. It gets exit
//! reasons, restarts, kill, stop and suspend. What cannot be known from outside,
//! such as the depth of its mailbox, is shown as unknown.

mod driver;
mod mailbox;
