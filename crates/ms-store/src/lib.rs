//! The task store of the MS Framework: embedded SQLite behind an actor.
//!
//! [`sqlite`] gives a child spec for a supervision tree and a [`SqliteTasks`] handle, which is
//! a [`TaskStore`](ms_task::TaskStore). What this crate owns: the file and who may have
//! it (`open.rs`, `guard.rs`, `held.rs`, `hold.rs`), looking after it while it is open (`watch.rs`,
//! `marks.rs`), its schema (`schema.rs`), writing with *group commit*
//! (`actor.rs`: requests that wait while a commit runs are written in one transaction
//! and answered after it, so that durability is not one fsync a task), reading (`read.rs`,
//! `list.rs`), removing what ended long ago (`prune.rs`), and beside the tasks what is used of
//! budgets (`budgets.rs`).
//!
//! What it does not do: it decides nothing about tasks. Every change is
//! [`TaskRecord::apply`](ms_task::TaskRecord::apply); a batch loads the records
//! concerned, feeds them the events and writes what came out (`batch.rs`).
//!
//! SQLite runs on threads of its own, one for each connection: an arbiter never waits for the disk.
//!
//! Start reading at `actor.rs`, then `batch.rs`, then `write.rs` and `claim.rs`.

mod actor;
mod batch;
mod budgets;
mod claim;
mod clock;
mod config;
mod error;
mod folding;
mod guard;
mod handle;
mod held;
mod hold;
mod list;
mod marks;
mod messages;
mod open;
mod prune;
mod read;
mod rows;
mod schema;
mod watch;
mod witness;
mod write;

pub use actor::StoreActor;
pub use clock::WallClock;
pub use config::{
    DEFAULT_KEEP_ENDED, DEFAULT_MAX_BYTES, DEFAULT_MAX_QUEUE, MAX_WAITING, StoreConfig,
};
pub use guard::{discard, probe};
pub use handle::{SqliteTasks, sqlite};
