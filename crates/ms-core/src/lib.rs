//! The words that all crates of the MS Framework share.
//!
//! This crate owns what every other crate must agree on:
//!
//! | about | modules |
//! |---|---|
//! | an actor | [`id`], [`exit`], [`spec`], [`backtrace`] |
//! | what inspectors see | [`view`], row by row in [`tree`], events in [`stream`] |
//! | durable tasks | [`task`], [`budget`] |
//! | a node and its parts | [`life`], [`lifecycle`], [`health`], [`interactions`], [`emergency`] |
//! | what travels | [`traceparent`], [`subject`] |
//! | all | [`time`], [`civil`], [`private`] (which files may hold secrets) |
//!
//! It decides nothing that one crate alone needs: a supervisor's decisions are `ms-policy`, those
//! about tasks `ms-task`, those of a boot and a shutdown `ms-runtime`.
//!
//! Architecture invariants: nothing in here names actix, tokio, a clock, a source of randomness
//! or a log. Time is an argument ([`time::Tick`]).
//!
//! Where to start reading: [`exit::ExitReason`], then [`spec`], then [`view`].

mod backoff;
pub mod backtrace;
pub mod budget;
pub mod civil;
pub mod emergency;
pub mod exit;
pub mod health;
pub mod id;
pub mod interactions;
mod invalid;
pub mod life;
pub mod lifecycle;
pub mod private;
mod repeat;
pub mod spec;
pub mod stream;
pub mod subject;
pub mod task;
pub mod time;

pub mod traceparent;
pub mod tree;
pub mod view;

pub use backtrace::Backtrace;
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
