//! The vocabulary and the pure decisions of the MS Framework.
//!
//! This crate owns what every other crate must agree on: identifiers and paths
//! ([`id`]), reasons for an end ([`exit`]), how a child is to be treated
//! ([`spec`]), what an inspector is shown ([`view`], row by row in [`tree`]), and the decisions as state machines: a supervisor's in [`policy`], durable tasks with theirs in
//! [`task`] and [`budget`], boot and shutdown of a node in [`lifecycle`], its [`health`], how
//! its parts get along ([`integration`]), when to give up on it ([`emergency`]), and a circuit breaker's in [`breaker`].
//! [`json`] is how JSON of strangers is read, and how what is kept is written, [`private`] which files may hold secrets,
//! [`life`] which boot of a node a number belongs to; [`traceparent`] says which trace something belongs
//! to, [`subject`] what an event is about.
//!
//! Architecture invariants: nothing in here names actix, tokio, a clock, a
//! source of randomness or a log. Time is an argument ([`time::Tick`]), and a
//! decision is a function of the events fed to it.
//!
//! Where to start reading: [`exit::ExitReason`], then [`spec`], then [`policy`].

pub mod breaker;
pub mod budget;
pub mod civil;
pub mod emergency;
pub mod exit;
pub mod health;
pub mod id;
pub mod integration;
mod invalid;
pub mod json;
pub mod life;
pub mod lifecycle;
pub mod policy;
pub mod private;
mod repeat;
pub mod spec;
pub mod subject;
pub mod task;
pub mod time;
pub mod trace;
pub mod traceparent;
pub mod tree;
pub mod view;

pub use exit::{ErrorChain, ExitReason, Location, PanicRecord};
pub use id::{ActorPath, ChildId, IdError, Incarnation};
pub use invalid::Invalid;
pub use life::NodeLife;
pub use repeat::Repeats;
pub use spec::{
    AutoShutdown, Backoff, ChildPolicy, ChildType, Intensity, Restart, Shutdown, StopOrder,
    Strategy, SupervisorFlags, WhenExhausted,
};
pub use time::Tick;
pub use trace::Trace;
