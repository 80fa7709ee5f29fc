//! The integration tests of `ms-testkit`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod child;
mod harness;
mod kit;
mod network;
mod simulator;
mod user;
