//! The lifecycle of a service: its boot, its shutdown, and what is published of both.
//!
//! The actor `lifecycle` drives the two machines of `logic` (boot and shutdown): it feeds them
//! what happens and carries out what they want (`startup.rs`, `shutdown.rs`). It alone says
//! which components are to run; everybody reads that from a snapshot it publishes, itself
//! after a restart included. `stopping.rs` knows how a component is stopped and dropped.

mod actor;
mod error;
mod messages;
mod reload;
mod shutdown;
mod startup;
mod state;
mod stopping;
mod store;

pub(crate) use actor::{LifecycleActor, LifecycleArgs};
pub use error::{
    BootstrapError, InitializationCause, InitializationError, RollbackReport, ShutdownError,
};
pub(crate) use messages::{Boot, Hurry, IsUp, LifecyclePorts, Reload, Shutdown};
pub use messages::{ShutdownReason, ShutdownSummary};
pub(crate) use state::Member;
pub use store::{PersistFuture, SnapshotStore};
