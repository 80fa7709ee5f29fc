//! The integration tests of `ms-core`, in one program: linking is most of what they cost to build.

#![allow(clippy::expect_used, reason = "tests, and what they share")]

mod life;
mod new_task;
mod subject;
mod traceparent;
