//! The integration tests of `ms-actor`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod actix_facts;
mod arbiters;
mod asks;
// That of `ms-testkit`, which cannot be a dependency here: the kernel's model builds this crate, and
// all that depends on it, with loom's locks.
#[path = "../../../ms-testkit/src/child.rs"]
#[allow(dead_code, reason = "the tests here use a part")]
mod child;
mod child_events;
mod circles;
mod common;
mod compat;
mod debugging;
mod exits;
mod levers;
mod mailbox;
mod otp;
mod panics;
mod slots;
mod ties;
