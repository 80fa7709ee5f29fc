//! The integration tests of `ms-router`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod common;
mod contracts_and_modules;
mod fan_out;
mod limits;
mod one_of_many;
