//! The integration tests of `ms-control`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod bad_input;
mod binding;
mod calls;
mod common;
mod discovery;
