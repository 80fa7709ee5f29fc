//! Durable tasks done by agents.
//!
//! [`Tasks`] describes the whole: queues, pools of agents, the store behind them.
//! [`Tasks::child`] is a supervisor for a tree, [`Tasks::client`] submits tasks and reads
//! them. An agent that [`Performs`] tasks gets one at a time, with a [`TaskCx`].
//!
//! The way of a task: the client hands it to the store, which acknowledges it once it is on
//! disk, and wakes the dispatcher (`dispatcher.rs`). The dispatcher asks its board
//! ([`ms_task::Board`]) what may start, claims that much from the store and gives each
//! task to its agent. While the agent works, the lease is renewed from the agent's own
//! arbiter (`run.rs`): a thread that hangs renews nothing. The agent's answer, or the
//! reason why it ended, goes to the store under the token of the lease; the store refuses a late
//! one.
//!
//! This module does not store tasks (a store does), and does not decide about them (`ms-task`
//! does).

mod claiming;
mod client;
mod cx;
mod dispatcher;
mod giving;
mod intake;
mod json;
mod messages;
mod outcome;
mod perform;
mod performs;
mod run;
mod sweeps;
mod system;
mod vigil;

pub use client::{TaskClient, TaskRefusal};
pub(crate) use perform::Perform;

pub use cx::TaskCx;
pub use dispatcher::Dispatcher;
pub use performs::{Performs, Task};
pub use sweeps::{IDLE_SWEEP, SWEEP_EVERY};
pub use system::{DEFAULT_ATTEMPT, DEFAULT_LEASE, MIN_LEASE, Tasks, TasksError};
