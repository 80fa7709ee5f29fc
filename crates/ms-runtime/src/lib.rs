//! The runtime: one node, its tree, its control endpoint, its signals, its exit code.
//!
//! [`run`] is all a binary needs: it boots a node, starts the tree, opens the
//! control endpoint, stops in order at SIGINT or SIGTERM, and says how it ended.
//! [`Runtime`] is the same without signals, for programs that own their actix
//! system. [`NodeControl`] is the node's side of the control endpoint: what
//! `msctl` asks is answered here, out of the tree and the node's events.
//!
//! With the feature `config`, `settings` keeps the configuration of the process: one
//! actor that watches the files, and snapshots for everybody else.
//!
//! It does *not* decide about restarts (`ms-core`), keep actors (`ms-actor`,
//! `ms-supervisor`) or speak the wire protocol (`ms-control`). It prints nothing
//! and ends no process: that is for the binary, see [`Ended::exit_code`].
//!
//! Three threads beside the arbiters, so that none can be kept waiting by an
//! actor: the caller of [`run`] waits for signals and for nothing else, the node's
//! thread carries the supervisors, the control thread serves `msctl`.
//!
//! Start reading at `runtime.rs`, then `run.rs`, then `control/mod.rs`.

mod config;
pub mod control;
mod endpoint;
mod outcome;
mod run;
mod runtime;
#[cfg(feature = "config")]
pub mod settings;

pub use config::{ControlAt, RunConfig};
pub use control::NodeControl;
pub use outcome::{Ended, How, RunError, exit};
pub use run::{MainResult, run, run_with};
pub use runtime::Runtime;
