//! The integration tests of `ms-snapshot`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod agents;
mod common;
mod kill;
mod store;
mod values;
