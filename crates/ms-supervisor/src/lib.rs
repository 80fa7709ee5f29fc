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
//! (`ms_policy`), nor the life of a single actor (`ms_actor`).
//!
//! Start reading at `spec.rs` and `supervisor.rs`, then `actor.rs`, where each policy
//! effect has its arm; `launch.rs`, `stopping.rs`, `news.rs` and `admin.rs` carry them out.

mod actor;
mod admin;
mod answer;
mod bank;
mod error;
mod handle;
mod heartbeat;
mod inspect;
mod kids;
mod launch;
mod messages;
mod news;
mod observe;
mod root;
mod spec;
mod steer;
mod stopping;
mod supervisor;
mod task;
mod timers;
mod walk;
mod why;

pub use actor::SupervisorActor;
pub use error::{StartRootError, SupervisorError};
pub use handle::{StartedChild, SupervisorRef};
pub use heartbeat::Heartbeat;
pub use messages::ChildInfo;
pub use observe::{Observation, Observer};
pub use root::{Root, start_root};
pub use spec::ChildSpec;
pub use steer::Verb;
pub use supervisor::{DynamicChild, Supervisor};
pub use walk::{PAGE, TreeWalk};
