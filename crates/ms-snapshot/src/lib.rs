//! Snapshots of state: versioned, encrypted, authenticated, written atomically,
//! and restored at a start from the newest good copy.
//!
//! A component opts in with [`Persist`]: a serialisable state with a schema number, and
//! migrations from older schemas. [`Snapshots`] is its handle to the [`Store`] on disk. The
//! component calls [`Snapshots::restore`] in its init, answers [`Extract`] while it runs, and
//! calls [`Snapshots::put`] when it stops. The [`SnapshotActor`] saves all components
//! periodically, and whenever it is asked to.
//!
//! On disk a save is a folder. Its manifest is written last, and only then the save counts. Every
//! file is sealed with XChaCha20-Poly1305 (`seal.rs`) and bound to its owner, incarnation,
//! sequence and schema. So a file that was changed, cut, swapped or rolled back is found out, and
//! the one before it is used. The limits of this protection are in `docs/persistence.md`.
//!
//! This crate does *not* know agents or supervisors, and has no keys but those of the keyring it
//! is given. Start reading at `persist.rs`, then `store.rs`, then `seal.rs`.

mod actor;
mod audit;
mod error;
mod fs;
mod handle;
mod key_id;
mod keyring;
mod logic;
mod manifest;
mod messages;
mod persist;
mod seal;
#[cfg(feature = "config")]
pub mod section;
mod store;

pub use actor::SnapshotActor;
pub use audit::Audit;
pub use error::{ExtractError, KeyError, MAX_KEYS, RestoreError, SaveError, SealError, StoreError};
pub use fs::Step;
pub use handle::Snapshots;
pub use key_id::KeyId;
pub use keyring::Keyring;
pub use manifest::Saved;
pub use messages::{Extract, Extracted, Put, Register, SaveAll, SnapshotStatus, Status};
pub use persist::{Migration, Persist, decode, encode};
pub use store::{Found, Item, SaveReport, Store};
