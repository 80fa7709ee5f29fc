//! The integration tests of `ms-store`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod clock;
mod common;
mod faults;
mod keeping;
mod lists;
mod lost;
mod opening;
mod values;
