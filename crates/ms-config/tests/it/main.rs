//! The integration tests of `ms-config`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod common;
mod layers;
mod reference;
mod refusals;
