//! A node: a tree that is run, with its control endpoint, its signals and its exit code.
//!
//! [`Runtime`] is a node with its tree, on the actix system of the caller. [`run`] is the same
//! as the main thing of a process: `process.rs` has the thread, the signals and the waiting,
//! `logic/` decides what each of them means. Services run on the same loop.
//!
//! Architecture invariant: nothing in here uses the module `service`. What only a service knows is
//! handed in (`process.rs`), or carried along with its type erased ([`RunError::Service`]).

mod config;
mod endpoint;
mod events;
mod logic;
mod orders;
mod outcome;
mod process;
mod run;
mod runtime;
mod signals;

pub use config::{ControlEndpoint, Exposed, RunConfig};
pub(crate) use events::events_of;
pub(crate) use logic::process::{EmergencyCause, Hangup, Order, ProcessRules};
pub(crate) use orders::{Orders, UpTo, while_up};
pub use outcome::{MainResult, Outcome, RunEnd, RunError, ServiceFailure, exit};
pub(crate) use process::{Emergencies, NodeOutcome, run as run_process};
pub use run::{run, run_with};
pub use runtime::Runtime;
