//! The listener kit as its doors use it.
#![allow(clippy::expect_used, reason = "tests")]

mod accepting;
mod socket_files;
