//! The lifecycle of a service: its boot and its shutdown.
//!
//! The actor `lifecycle` drives the two machines of `logic` (boot and shutdown): it feeds them
//! events and carries out their effects (`startup.rs`, `shutdown.rs`). It alone decides which
//! components should run, and publishes that as a snapshot, which everybody reads; so does the
//! actor itself after a restart. `stopping.rs` stops and drops a component, `reload.rs` carries
//! out SIGHUP.

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
