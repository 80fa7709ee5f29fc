//! Supervision trees: OTP's supervisors as actors.
//!
//! A [`Supervisor`] builder reads like OTP; what it builds is an actor that feeds
//! `ms_core`'s pure policy with what happens and carries out what the policy
//! wants. It decides nothing itself. The tree can be looked into
//! ([`SupervisorRef::tree`], [`SupervisorRef::why`]) and steered
//! ([`SupervisorRef::steer`]) at any time, while children start or stop too.
//!
//! This crate owns supervisors, dynamic supervisors, supervised async tasks,
//! heartbeats and the debug messages of trees. It does not own the decisions
//! (`ms_core::policy`), nor the life of a single actor (`ms_actor`).
//!
//! Start reading at `spec/`, then `actor/mod.rs`, where each policy
//! effect has its arm; `actor/launch.rs`, `actor/stopping.rs`, `actor/child_events.rs` and `actor/administration.rs` carry them out.

mod actor;
mod answer;
mod error;
mod handle;
mod heartbeat;
mod messages;
mod observation;
mod root;
mod spec;
mod state;
mod steer;
mod task;
mod walk;

pub use actor::SupervisorActor;
pub use error::{StartRootError, SupervisorError};
pub use handle::{StartedChild, SupervisorRef};
pub use heartbeat::Heartbeat;
pub use messages::ChildInfo;
pub use observation::{Observation, Observer};
pub use root::{Root, start_root};
pub use spec::child::ChildSpec;
pub use spec::supervisor::{DynamicChild, Supervisor};
pub use steer::Verb;
pub use walk::{PAGE, TreeWalk};
