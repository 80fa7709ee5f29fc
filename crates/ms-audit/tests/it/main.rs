//! The integration tests of `ms-audit`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod audit;
mod grep;
