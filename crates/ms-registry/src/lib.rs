//! The registry: how actors find each other.
//!
//! This crate owns names (paths or free ones, unique), groups (as OTP's `pg`), typed service
//! keys (dependency injection) and the watchers of all these. It does *not* route
//! messages (`ms-router`), start anything (`ms-supervisor`) or know other nodes
//! (`ms-cluster`).
//!
//! The way of a registration: [`Registry::register`] asks the [`RegistryActor`], which
//! changes its working copy (`logic/table.rs`, pure), publishes one snapshot for all changes
//! of a turn, and answers. The way of a lookup: one load of the snapshot and one path down
//! a persistent map (`logic/map.rs`), in the caller. The way of an end: the kernel notifies the
//! registry of every start and end of the actors it has entries for
//! (`ms_actor::Context::follow`). A restart leaves the entries, an end for good drops them.
//!
//! Start reading at `handle.rs`, then `logic/table.rs`, then `actor.rs`.

mod actor;
mod config;
mod error;
mod handle;
mod logic;
mod messages;
mod name;
#[cfg(feature = "config")]
pub mod section;
mod service;
mod state;
mod watch;

pub use actor::RegistryActor;
pub use config::RegistryConfig;
pub use error::{GroupError, LookupError, NotFound, RegisterError, Unavailable, WatchError};
pub use handle::{Found, FoundService, Registry};
pub use name::{IntoName, MAX_NAME, MAX_SEGMENTS, Name, NameError};
pub use service::{KeyId, MissingDependency, ServiceError, ServiceHandle, ServiceKey};
pub use watch::{Change, RegistryEvent, Subscription, Watched};
