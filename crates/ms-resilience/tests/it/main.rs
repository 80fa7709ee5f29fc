//! The integration tests of `ms-resilience`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod breaker;
mod common;
mod fallback;
