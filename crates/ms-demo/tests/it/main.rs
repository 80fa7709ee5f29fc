//! The integration tests of `ms-demo`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod common;
mod control;
mod durable;
mod headless;
mod live;
mod refusals;
