//! The integration tests of `ms-cli`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod common;
mod config;
mod ends;
mod exits;
mod node;
mod reading;
mod secrets;
mod steering;
mod tasks;
mod verbs;
