//! The integration tests of `ms-transport`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod common;
mod document;
mod http_limits;
mod http_rules;
mod looking;
mod tasks;
