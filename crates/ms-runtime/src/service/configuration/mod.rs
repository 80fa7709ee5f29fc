//! The configuration of a running process: one actor owns it, everybody reads a snapshot.
//!
//! [`ConfigHandle::load`] reads it before anything starts. Its [`child`](ConfigHandle::child) goes
//! under the root supervisor and watches the directory, also when another directory takes its
//! place. A change is read and checked off the arbiters, put in force by one atomic swap, and
//! announced to those who sent [`Subscribe`]. A crash of the actor loses nothing: values,
//! subscribers and counters are in the published snapshot.
//!
//! `ms-config` defines what a file may say, and checks it.

mod actor;
mod child;
mod handle;
mod messages;
mod standing;

pub use actor::ConfigActor;
pub use handle::{ConfigHandle, ConfigStatus, ReloadError};
pub use messages::{ConfigChanged, Refused, Reload, Reloaded, Subscribe, Unsubscribe};
