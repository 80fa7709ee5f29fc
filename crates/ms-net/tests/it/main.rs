//! The listener kit as those use it who stand on it.
#![allow(clippy::expect_used, reason = "tests")]

mod accepting;
mod socket_files;
