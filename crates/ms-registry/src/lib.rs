//! The registry: who is who among actors.
//!
//! It owns names (paths or free ones, unique), groups (as OTP's `pg`), typed service
//! keys (dependency injection) and the watchers of all these. It does *not* route
//! messages (`ms-router`), start anything (`ms-supervisor`) or know other nodes
//! (`ms-cluster`).
//!
//! The way of a registration: [`Registry::register`] asks the [`RegistryActor`], which
//! changes its working copy (`book.rs`, pure), publishes one snapshot for all changes
//! of a turn and answers. The way of a lookup: one load of the snapshot, one path down
//! a persistent map (`map.rs`), in the caller. The way of an end: the kernel tells the
//! registry of every start and end of those it keeps something for
//! (`ms_actor::Context::follow`); a restart leaves the entry, the end for good drops it.
//!
//! Start reading at `registry.rs`, then `book.rs`, then `actor.rs`.

mod actor;
mod book;
mod error;
mod map;
mod name;
mod nearest;
mod registry;
mod roll;
mod service;
mod watch;

pub use actor::RegistryActor;
pub use error::{GroupError, LookupError, NotFound, RegisterError, Unavailable, WatchError};
pub use name::{IntoName, MAX_NAME, MAX_SEGMENTS, Name, NameError};
pub use registry::{Found, FoundService, Registry, RegistryConfig};
pub use service::{KeyId, MissingDependency, ServiceError, ServiceHandle, ServiceKey};
pub use watch::{Change, RegistryEvent, Subscription, Watched};
