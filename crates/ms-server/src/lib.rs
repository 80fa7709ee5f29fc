//! The whole system as one service.
//!
//! [`Server`] puts the parts together: configuration, the task store, agents, the HTTP API,
//! metrics and health are components of one [`ms_runtime::Builder`], which boots them in
//! phases, keeps them alive and stops them in order. The binary `ms-server` is a `Server`
//! with the agents of [`agents`]; a program with agents of its own is written the same way:
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
//!             eprintln!("{}", error.told());
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
//!    ├─ configuration   watches the directory
//!    ├─ observability   health, tasks and restarts as metrics; the log filter
//!    ├─ database        the task store
//!    ├─ budgets         what agents may use; only where a budget is set
//!    ├─ storage         says whether it can write
//!    ├─ credentials     the token that callers show, if one is asked for
//!    ├─ keyring         the keys of snapshots; only with `persistence.enabled`
//!    ├─ ledger          how often it was started; only with `persistence.enabled`
//!    ├─ event-bus       events by subject; those of the node among them
//!    ├─ router          messages by type; what payloads of tasks were refused
//!    ├─ outside         circuit breakers and fallbacks of services that may be called; only then
//!    ├─ transport       the API and the admin port; the registry of services
//!    └─ application     the dispatcher and its pools of agents
//! ```
//!
//! It does *not* decide or keep anything itself: it is wiring. Start reading at `server.rs`.

mod admission;
pub mod agents;
mod calls;
mod cleanup;
mod error;
mod event_bus;
mod hub;
mod integration;
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
pub use event_bus::NodeNews;
pub use options::Options;
pub use persistence::Snapshots;
pub use server::Server;
