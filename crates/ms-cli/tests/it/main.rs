//! The integration tests of `ms-cli`, in one program: linking is most of their build time.
//!
//! `msctl` runs as a process, against a node that is a real service (`node/`). Its output is kept
//! in transcripts (`transcript.rs`), which cover every verb and flag (`coverage.rs`). A scripted
//! peer (`common/scripted.rs`) answers only what no real node can be made to answer.

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
