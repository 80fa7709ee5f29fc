//! The integration tests of `ms-task`, in one program: linking is most of what they cost to build.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod board;
mod budgets;
mod claims;
mod tasks;
