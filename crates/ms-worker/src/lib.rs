//! Agents: long-lived workers with `async fn` handlers over `&mut self`.
//!
//! An [`Agent`] is state plus one [`Handles`] impl for each message type. It is
//! hosted by an ordinary actor of the kernel ([`AgentActor`]), so it is supervised,
//! inspected and addressed like any other: `ChildSpec::agent::<Crawler>("crawler", args)`
//! puts one into a tree, beside plain actix actors.
//!
//! One message at a time: the next one is taken when the handler's future is
//! done. Control messages (inspect, suspend, stop, kill) are served meanwhile.
//!
//! This crate owns the agent API and, on top of it, durable [`tasks`]: their dispatch to
//! agents, leases, steps and checkpoints; [`budgets`] of agents and subtrees; and the one line with
//! which an agent saves its state ([`Cx::save`]). It stores neither tasks nor states: a store and a
//! [`StateKeeper`] do.
//!
//! Start reading at `agent.rs`, then `actor.rs`, then `tasks/mod.rs`.

mod actor;
mod agent;
pub mod budgets;
mod cx;
#[cfg(feature = "config")]
pub mod section;
mod spec;
mod state;
pub mod tasks;

pub use actor::{AgentActor, AgentRef};
pub use agent::{Agent, Handles, InitError};
pub use cx::Cx;
pub use spec::{AgentSpec, GetAgent, agent_blueprint, budgeted_blueprint};
pub use state::{AgentState, KeptState, StateError, StateFuture, StateKeeper};
