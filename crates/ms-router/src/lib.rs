//! The router: it sends messages to the actors that handle their type.
//!
//! This crate owns typed routes that are added and removed at run time, fan-out with a deadline
//! for each recipient, the aggregation of many answers ([`Aggregate`]), the choice of one
//! handler out of many ([`RouteStrategy`]), and two kinds of actors that stand behind
//! routes: [`Contract`]s, whose input is always checked, and [`Module`]s. It does *not*
//! give names (`ms-registry`), cross processes (`ms-bus`, `ms-transport`) or retry.
//!
//! The way of a message: [`Router::publish`], [`Router::route`], [`Router::send_one`] and
//! [`Router::ask_one`] load the published table, choose, and put the message into
//! mailboxes, all in the sender. The [`RouterActor`] is not on that way. It changes
//! the table when it is asked to, and when the kernel reports that a handler has ended for
//! good. A handler that has ended is skipped at once, even before the router is notified.
//!
//! Start reading at `handle.rs`, then `table.rs` and `logic/balance.rs`; `logic/aggregate.rs`,
//! `contract.rs` and `module.rs` stand alone.

mod actor;
mod config;
mod contract;
mod error;
mod handle;
mod logic;
mod messages;
mod module;
mod routing;
mod state;
mod table;

pub use ms_core::Invalid;

pub use actor::RouterActor;
pub use config::RouterConfig;
pub use contract::{Contract, ContractActor, ContractError, Invoke, Validated};
pub use error::{RouteError, RouterError, Unrouted};
pub use handle::{Delivery, Router};
pub use logic::aggregate::{Aggregate, All, AnyOk, First, Fold, NotOk, Quorum};
pub use logic::balance::{FailOver, RouteStrategy};
pub use module::{Module, ModuleActor, ModuleHandler, SystemError, SystemState};
pub use routing::{Aggregating, Routing};
pub use table::RouteId;
