//! Durable tasks: their vocabulary, and every decision about them as a pure function.
//!
//! A *task* is work that was promised: once its submission is acknowledged it ends in
//! exactly one of four ways ([`TaskState`]), whatever crashes meanwhile. (An *async task*
//! of the supervisor is another thing: a future without a record.)
//!
//! [`NewTask`] is what a caller submits, [`TaskView`] what a reader is shown, and
//! [`TaskRecord`] what a store keeps; [`TaskRecord::apply`] is the whole life of a task as
//! one state machine. [`choose`] says which task is next, [`Board`] who is free and what may
//! start (with [`TokenBucket`] and [`CrashGuard`]), [`Claims`] what is in agents' hands, [`Pulse`]
//! for how long nothing ran, and [`TaskStore`] is the port between whoever decides and whoever
//! writes: a store applies [`TaskRecord::apply`] and keeps what comes out.
//!
//! Time is a [`TaskTime`] given by the store: wall clock in looks, but it never goes back
//! and a jump of the wall clock does not move it.
//!
//! What this module does not do: no I/O, no clock, no randomness; ids and jitter are
//! arguments. Start reading at `machine.rs`.

mod board;
mod choose;
mod claims;
mod crash;
mod error;
mod failure;
mod id;
mod layer;
mod limit;
mod machine;
mod new;
mod news;
mod port;
mod pulse;
mod time;
mod view;

pub use board::{Board, DEFAULT_CONCURRENCY, LONGEST_REST, QueueSpec, REST, Rate};
pub use choose::{Candidate, choose};
pub use claims::{Claims, Held, NextAsk};
pub use crash::CrashGuard;
pub use error::{ErrorSource, StoreError, TaskError};
pub use failure::{FailureKind, MAX_CAUSES, MAX_FAILURE_TEXT, TaskFailure};
pub use id::{AgentKind, IdempotencyKey, MAX_KEY, MAX_TASK_NAME, QueueName, TaskId, TaskIdError};
pub use layer::{Layered, StoreLayer};
pub use limit::TokenBucket;
pub use machine::{Applied, MAX_INTERRUPTIONS, TaskEvent, TaskRecord};
pub use new::{
    MAX_ATTEMPTS, MAX_BATCH, MAX_PAYLOAD, MAX_PRIORITY, MAX_TASK_TIME, NewTask, Priority, Retry,
};
pub use news::{TaskChange, TaskNews, Telling};
pub use port::{
    Assignment, ClaimSpec, Claimed, Journal, JournalEntry, MAX_PAGE, MAX_RESULT, MAX_STEP_NAME,
    MAX_STEPS, StoreFuture, StoreStats, Submission, Submitted, Swept, TaskCommand, TaskEnd,
    TaskFilter, TaskOutcome, TaskPage, TaskStore,
};
pub use pulse::Pulse;
pub use time::TaskTime;
pub use view::{FencingToken, Lease, TaskState, TaskView, Timings};
