//! The integration tests of `ms-core`, in one program: linking is most of what they cost to build.

#![allow(clippy::expect_used, reason = "tests, and what they share")]

mod backoff;
mod exits;
mod ids;
mod life;
mod new_task;
mod private;
mod repeat;
mod stream;
mod subject;
mod traceparent;
