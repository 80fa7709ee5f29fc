//! The integration tests of `ms-demo`, in one program: linking is most of their build time.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod common;
mod control;
mod durable;
mod headless;
mod live;
mod refusals;
