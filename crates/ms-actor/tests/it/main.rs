//! The integration tests of `ms-actor`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod actix_facts;
mod arbiters;
mod asks;
mod circles;
mod common;
mod compat;
mod exits;
mod mailbox;
mod news;
mod otp;
mod panics;
