//! The demo: a dependency audit of Rust source trees, done by supervised actors.
//!
//! The tree, in start order (`tree.rs`):
//!
//! ```text
//! /root               one_for_one
//!   metrics           rates and the time left
//!   auditors          one_for_one: each reads and scans one file at a time
//!     auditor-1 ..
//!   pipeline          rest_for_one: who fails takes those along that build upon it
//!     store           what is finished, on disk
//!     reducer         what is finished, in memory
//!     reporter        audit.json, at the end
//!     dispatcher      who works on what; gives work of the dead to others
//!     walker          lists the files
//! ```
//!
//! Nothing is lost when any of them crashes: a file counts as done only when its
//! outcome is in the store, and every part of the pipeline can be built anew from
//! the store and a second walk, because adding an outcome twice changes nothing.
//!
//! Architecture invariants: only `out.rs` writes to the terminal; only
//! `ms-audit` knows what an audit is; a fault that was injected is decided by the
//! dispatcher, which therefore knows it, and never counts against a file.
//!
//! Start reading at `tree.rs`, then `dispatcher.rs`.

mod app;
mod args;
mod auditor;
mod board;
mod chaos;
mod dispatcher;
mod exit;
mod keys;
mod metrics;
mod out;
mod reducer;
mod reporter;
mod roster;
mod store;
mod tree;
mod view;
mod walker;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the demo with these arguments.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match args::parse(args) {
        Ok(args::Parsed::Run(options)) => exit::report(app::run(*options)),
        Ok(args::Parsed::Help) => exit::report(out::print(args::HELP)),
        Ok(args::Parsed::Version) => {
            exit::report(out::print(concat!("ms-demo ", env!("CARGO_PKG_VERSION"), "\n")))
        }
        Err(error) => exit::report(Err(error)),
    }
}
