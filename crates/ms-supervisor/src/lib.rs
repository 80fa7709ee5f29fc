//! Supervision trees: OTP's supervisors as actors.
//!
//! A [`SupervisorSpec`] reads like OTP. What is built of it is an actor that feeds
//! the pure policy of `ms_policy` with what happens and carries out what the policy
//! wants. It decides nothing itself. The tree can be looked into
//! ([`SupervisorRef::tree`], [`SupervisorRef::why`]) and steered
//! ([`SupervisorRef::steer`]) at any time, while children start or stop too.
//!
//! This crate owns supervisors, dynamic supervisors, supervised async tasks,
//! heartbeats and the debug messages of trees. It does not own the decisions
//! (`ms_policy`), nor the life of a single actor (`ms_actor`).
//!
//! Start reading at `spec/`, then `actor/effects.rs`, where each policy effect has its arm.
//! What the actor holds is in `state/`, one machine a file; `logic/` has the pure decisions
//! beside the policy's; `handle.rs`, `walk.rs` and `steer.rs` are what callers hold.

mod actor;
mod answer;
mod child_info;
mod error;
mod handle;
mod heartbeat;
mod logic;
mod messages;
mod observer;
mod orphans;
mod root;
#[cfg(feature = "config")]
pub mod section;
mod spec;
mod state;
mod steer;
mod task;
mod walk;

pub use actor::SupervisorActor;
pub use child_info::{ChildInfo, StartedChild};
pub use error::{StartRootError, SupervisorError};
pub use handle::SupervisorRef;
pub use heartbeat::Heartbeat;
pub use observer::Observer;
pub use root::{Root, start_root};
pub use spec::{ChildSpec, DynamicChild, Supervisor, SupervisorSpec};
pub use steer::Verb;
pub use walk::{PAGE, TreeWalk};
