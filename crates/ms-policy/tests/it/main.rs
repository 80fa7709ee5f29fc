//! The integration tests of `ms-policy`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod golden;
mod invariants;
mod rig;
mod rules;
mod sim;
