//! Durable tasks as pure state machines.
//!
//! This crate owns what is decided about a task between its submission and its end: the life of
//! one task ([`TaskRecord`], [`TaskEvent`]), which task an agent gets next ([`choose`]), how many
//! may run at once and how fast ([`Board`]), which assignments a dispatcher still knows of
//! ([`Claims`]), when an agent that keeps crashing is left alone ([`CrashGuard`]), and what an
//! agent may spend ([`budget`]). It owns the port between those who decide about tasks and those
//! who keep them as well ([`TaskStore`], [`StoreLayer`]).
//!
//! It does *not* hold the words about tasks that callers and tools use (ids, states, views,
//! errors: `ms_core::task`), keep tasks on disk (`ms-store`) or run them (`ms-worker`).
//!
//! Architecture invariants: nothing in here names actix, tokio, a clock, a source of randomness
//! or a log. Time is an argument.
//!
//! Where to start reading: `machine.rs`, then `port.rs`, then `board.rs`.

mod board;
pub mod budget;
mod choose;
mod claims;
mod crash;
mod layer;
mod limit;
mod machine;
mod port;
mod pulse;
mod transition;

pub use board::{Board, DEFAULT_CONCURRENCY, LONGEST_REST, QueueSpec, REST, Rate};
pub use choose::{Candidate, choose};
pub use claims::{Claims, Held, NextAsk};
pub use crash::CrashGuard;
pub use layer::{Layered, StoreLayer};
pub use limit::TokenBucket;
pub use machine::{Applied, MAX_INTERRUPTIONS, TaskEvent, TaskRecord};
pub use port::{
    Assignment, ClaimSpec, Claimed, Journal, JournalEntry, MAX_RESULT, MAX_STEP_NAME, MAX_STEPS,
    StoreFuture, StoreStats, Submission, Swept, TaskCommand, TaskEnd, TaskOutcome, TaskStore,
};
pub use pulse::Pulse;
pub use transition::{PendingTransition, submitted};
