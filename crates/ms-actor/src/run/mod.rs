//! The run loops: what serves an actor from its start to its end.
//!
//! `driver/` is the run loop of actors with our `context.rs`, `serve.rs` its mailbox, `delivery.rs`
//! the way of a message to its handler; `foreign/` is all that for unchanged actix actors.
//! `start.rs` begins the lives of both, and `turns.rs` says of both what became of an ask.

mod bonds;
pub(crate) mod context;
mod delivery;
pub(crate) mod driver;
mod foreign;
mod notify;
mod serve;
pub(crate) mod start;
mod turns;
