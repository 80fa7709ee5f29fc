//! The integration tests of `ms-core`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod board;
mod budgets;
mod claims;
mod golden;
mod health;
mod integration;
mod invariants;
mod lifecycle;
mod rig;
mod rules;
mod sim;
mod tasks;
