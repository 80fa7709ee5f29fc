//! The whole system as one service.
//!
//! [`Server`] puts the parts together. Configuration, the task store, agents, the HTTP API,
//! metrics and health are components of one [`ms_runtime::Builder`], which boots them in
//! phases, keeps them alive and stops them in order. The binary `ms-server` is a `Server`
//! with the agents of [`agents`]; a program with its own agents looks the same:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use ms_server::{Options, Server, agents::Echo};
//!
//! fn main() -> ExitCode {
//!     let server = Server::new("my-service").agents::<Echo>("echo", ());
//!     match server.run(&Options::from_dir("/etc/my-service")) {
//!         Ok(end) => end.exit_code(),
//!         Err(error) => {
//!             eprintln!("{}", error.describe());
//!             error.exit_code()
//!         }
//!     }
//! }
//! ```
//!
//! The tree, as `msctl tree` shows it:
//!
//! ```text
//! /root
//! ├─ lifecycle, health, integration, emergency, cleanup
//! └─ components
//!    ├─ configuration   watches the configuration directory
//!    ├─ observability   health, tasks and restarts as metrics; the log filter
//!    ├─ database        the task store
//!    ├─ budgets         the accounts of agents; only if a budget is set
//!    ├─ storage         reports whether the task store can write
//!    ├─ credentials     the token that callers need, if the configuration has one
//!    ├─ keyring         the keys of snapshots; only with `persistence.enabled`
//!    ├─ ledger          counts the starts of the server; only with `persistence.enabled`
//!    ├─ event-bus       events by subject, with those of the node among them
//!    ├─ router          messages by type; counts refused payloads of tasks
//!    ├─ outside         circuit breakers and fallbacks of outside services; only if some are allowed
//!    ├─ transport       the API and the admin port; the registry of services
//!    └─ application     the dispatcher and its pools of agents
//! ```
//!
//! It does *not* decide or store anything itself: it is wiring. Start reading at `server.rs`.

mod admission;
pub mod agents;
mod calls;
mod cleanup;
mod error;
mod event_bus;
mod hub;
mod interactions;
mod listeners;
mod lives;
mod log_sink;
mod observer;
mod options;
mod paths;
mod persistence;
mod security;
mod server;
pub mod services;
mod settings;
mod storage;
mod telemetry;
mod unbuilt;

pub use error::ServerError;
pub use event_bus::PublishedNodeEvent;
pub use options::Options;
pub use persistence::Snapshots;
pub use server::Server;
