//! The demo: a dependency audit of Rust source trees, done by supervised actors.
//!
//! It is a service of `ms-runtime` whose work items are durable tasks of `ms-worker`, kept
//! in an embedded store. Its tree, in start order (`tree.rs`):
//!
//! ```text
//! /root
//! ├─ lifecycle, health, integration, emergency, cleanup     of the runtime
//! └─ components
//!    ├─ observability
//!    │  └─ metrics        rates and the time left
//!    ├─ database
//!    │  └─ store          the durable tasks, one for each file
//!    ├─ inventory         what an earlier run left
//!    ├─ fleet
//!    │  └─ tasks          rest_for_one
//!    │     ├─ dispatcher  which auditor has which task; of ms-worker
//!    │     └─ auditor     one_for_one: each reads and scans one file at a time
//!    │        └─ auditor-1 ..
//!    └─ pipeline          rest_for_one: a part that fails takes those after it along
//!       ├─ reducer        results of ended tasks, in memory
//!       ├─ reporter       audit.json, at the end
//!       └─ walker         lists the files, and submits them
//! ```
//!
//! Nothing is lost when any of them crashes, or the process: a file is a task that is on disk
//! before it is counted, done when its result is on disk, and the same task when it is
//! submitted again. The pipeline can be built anew from the store and a second walk, because
//! adding an outcome twice changes nothing. A file that kills its auditor three times is a
//! dead letter, and counts as quarantined.
//!
//! Architecture invariants: only `out.rs` writes to the terminal; only `ms-audit` knows what
//! an audit is; the framework alone decides which auditor gets a task, and how often. A fault
//! that is injected on purpose never counts against a file: its auditor hands the task back
//! before the fault strikes.
//!
//! Start reading at `tree.rs`, then `work.rs`, `walker.rs`, `auditor.rs` and `reducer.rs`.

mod app;
mod args;
mod auditor;
mod board;
mod chaos;
mod exit;
mod inventory;
mod keys;
mod messages;
mod metrics;
mod out;
mod reducer;
mod reporter;
mod retries;
mod roster;
mod shutdown;
mod state;
mod tree;
mod view;
mod walker;
mod work;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the demo with these arguments.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match args::parse(args) {
        Ok(args::Parsed::Run(options)) => exit::report(app::run(*options)),
        Ok(args::Parsed::Help) => exit::report(out::print(args::HELP).map_err(Into::into)),
        Ok(args::Parsed::Version) => {
            let version = concat!("ms-demo ", env!("CARGO_PKG_VERSION"), "\n");
            exit::report(out::print(version).map_err(Into::into))
        }
        Err(error) => exit::report(Err(error)),
    }
}
