//! A node: a tree that is run, with its control endpoint, its signals and its exit code.
//!
//! [`Runtime`] is a node with its tree, on the actix system of the caller. [`run`] is the same
//! as the main thing of a process: `process.rs` has the thread, the signals and the waiting,
//! `logic/` decides what each of them means. Services run on the same loop.
//!
//! Architecture invariant: nothing in here names a service; what only a service knows is handed
//! in (`process.rs`) or carried along untyped ([`RunError::Service`]).

mod config;
mod endpoint;
mod events;
mod outcome;
mod run;
mod runtime;
mod signals;

pub use config::{ControlAt, RunConfig, Shown};
pub(crate) use events::events_of;
pub use outcome::{Ended, How, RunError, exit};
pub use run::{MainResult, run, run_with};
pub use runtime::Runtime;
pub(crate) use signals::{Asked, Signals};
