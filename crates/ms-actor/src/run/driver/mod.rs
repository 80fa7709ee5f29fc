//! The run loop of an actor with our context: one future that owns the actor.
//!
//! One poll is one *turn*: control first, then whatever the actor waits for, then
//! at most [`turn::BUDGET`] messages and as many future steps, then back to the arbiter,
//! so that neighbours and timers get theirs. All user code of a turn runs under one
//! `catch_unwind`; the instance lives outside of it and is dropped under another.
//!
//! The order of waits, messages and futures within a turn is actix's own
//! (`ContextFut::poll`), so that code written for `actix::Context` means the same.
//!
//! `state.rs` is what it is made of, `poll.rs` the future, `bounds.rs` how a turn begins and ends,
//! `turn.rs` what happens between, `orders.rs` what control asks for, `ending.rs` how a life ends;
//! `clock.rs`, `types.rs` and `tracing.rs` measure and count.

mod bounds;
mod clock;
mod ending;
mod orders;
mod poll;
pub(crate) mod state;
mod tracing;
mod turn;
mod types;
