//! Durable tasks done by agents.
//!
//! [`Tasks`] describes the whole: queues, pools of agents, the store behind them.
//! [`Tasks::child`] is a supervisor for a tree, [`Tasks::client`] the way to submit and to
//! look. An agent that [`Performs`] tasks is given one at a time, with a [`TaskCx`].
//!
//! The way of a task: the client hands it to the store, which acknowledges it once it is on
//! disk, and wakes the dispatcher (`dispatcher.rs`). That asks its board
//! ([`ms_task::Board`]) what may start, claims so much from the store and gives each
//! task to its agent. While the agent works, the lease is renewed from the agent's own
//! arbiter (`run.rs`): a thread that hangs renews nothing. What the agent answers, or the
//! reason why it ended, goes to the store under the token of the lease; a late word is
//! refused there.
//!
//! What this module does not do: it keeps no task (that is the store's), and decides nothing
//! about one (that is `ms_core::task`'s).

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
mod run;
mod sweeps;
mod system;
mod vigil;

pub use client::{TaskClient, TaskRefusal};
pub(crate) use perform::Perform;

pub use cx::TaskCx;
pub use dispatcher::Dispatcher;
pub use perform::{Performs, Task};
pub use system::{
    DEFAULT_ATTEMPT, DEFAULT_LEASE, IDLE_SWEEP, MIN_LEASE, SWEEP_EVERY, Tasks, TasksError,
};
