//! The integration tests of `ms-registry`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod common;
mod groups;
mod names;
mod otp;
mod services;
mod watchers;
