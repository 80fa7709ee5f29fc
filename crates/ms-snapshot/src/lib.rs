//! Snapshots of state: versioned, encrypted, authenticated, written atomically,
//! restored at start from the newest good copy.
//!
//! A component opts in with [`Persist`]: a serialisable state with a schema number and
//! functions that bring old schemas up. [`Snapshots`] is its way to the [`Store`] on
//! disk: [`Snapshots::restore`] in its init, [`Extract`] answered while it runs,
//! [`Snapshots::put`] when it stops. [`SnapshotActor`] saves all of them now and then,
//! and once more when it is told to.
//!
//! On disk a save is a folder; its manifest, written last, makes it count. Every file
//! is sealed with XChaCha20-Poly1305 (`seal.rs`) and bound to its owner, incarnation,
//! sequence and schema, so that a file that was changed, cut, swapped or rolled back
//! is found out and the one before it used. What is not protected against is told in
//! `docs/persistence.md`.
//!
//! It does *not* know agents or supervisors, and keeps no key but the keyring it is
//! given. Start reading at `persist.rs`, then `store.rs`, then `seal.rs`.

mod actor;
mod audit;
mod error;
mod fs;
mod keyring;
mod layout;
mod persist;
mod seal;
mod store;

pub use actor::{
    Extract, Extracted, Put, Register, SaveAll, SnapshotActor, SnapshotStatus, Snapshots, Status,
};
pub use audit::Audit;
pub use error::{KeyError, RestoreError, SaveError, SealError, StoreError};
pub use fs::Step;
pub use keyring::{KeyId, Keyring, MAX_KEYS};
pub use persist::{Migration, Persist, decode, encode};
pub use store::{Found, Item, SaveReport, Saved, Store};
