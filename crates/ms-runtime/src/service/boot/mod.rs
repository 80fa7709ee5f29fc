//! The lifecycle of a service: its boot, its shutdown, and what is published of both.
//!
//! The actor `lifecycle` drives the two machines of `logic` (boot and shutdown): it feeds them
//! what happens and carries out what they want (`startup.rs`, `shutdown.rs`). It alone says
//! which components are to run; everybody reads that from a snapshot it publishes, itself
//! after a restart included. `stopping.rs` knows how a component is stopped and dropped.

mod actor;
mod error;
mod reload;
mod shutdown;
mod startup;
mod stopping;

pub(crate) use actor::{IsUp, LifecycleActor, LifecycleArgs, Member};
pub use error::{
    BootstrapError, InitializationCause, InitializationError, RollbackReport, ShutdownError,
};
pub(crate) use reload::Reload;
pub(crate) use shutdown::{Hurry, Shutdown};
pub use shutdown::{PersistFuture, ShutdownReason, ShutdownSummary, SnapshotStore};
pub(crate) use startup::Boot;
