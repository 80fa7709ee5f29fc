//! The integration tests of `ms-cli`, in one program: linking is most of what they cost to build.
//!
//! `msctl` is run as the program it is, against a node that is a real service (`node/`). What it
//! says is kept in transcripts (`transcript.rs`), and the transcripts have every verb and flag in
//! them (`coverage.rs`). A scripted peer (`common/scripted.rs`) says only what no real node can be
//! made to say.

#![allow(unreachable_pub, reason = "what modules share is `pub`")]

mod budgets;
mod common;
mod config;
mod coverage;
mod deep;
mod ends;
mod exits;
mod mask;
mod node;
mod reading;
mod secrets;
mod steering;
mod streams;
mod tasks;
mod transcript;
