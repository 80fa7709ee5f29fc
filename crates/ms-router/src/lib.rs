//! The router: messages to those who take them, by type.
//!
//! It owns typed routes that are added and removed at run time, fan-out with a deadline
//! for each recipient, what is made of many answers ([`Aggregate`]), the choice of one
//! handler out of many ([`RouteStrategy`]), and two shapes of actors that stand behind
//! routes: [`Contract`]s, whose input is always checked, and [`Module`]s. It does *not*
//! give names (`ms-registry`), cross processes (`ms-bus`, `ms-transport`) or retry.
//!
//! The way of a message: [`Router::publish`], [`Router::route`], [`Router::send_one`] and
//! [`Router::ask_one`] load the published table, choose, and put the message into
//! mailboxes, all in the sender. The [`RouterActor`] is no hop on that way: it changes
//! the table when it is asked to, and when the kernel says that a handler has ended for
//! good. A handler that is gone is skipped from the moment it is, heard of or not.
//!
//! Start reading at `router.rs`, then `table.rs` and `balance.rs`; `aggregate.rs`,
//! `contract.rs` and `module.rs` stand alone.

mod actor;
mod aggregate;
mod balance;
mod contract;
mod error;
mod module;
mod router;
mod table;

pub use ms_core::Invalid;

pub use actor::RouterActor;
pub use aggregate::{Aggregate, All, AnyOk, First, Fold, NotOk, Quorum};
pub use balance::{FailOver, RouteStrategy};
pub use contract::{Contract, ContractActor, ContractError, Invoke, Validated};
pub use error::{RouteError, RouterError, Unrouted};
pub use module::{Module, ModuleActor, ModuleHandler, SystemError, SystemState};
pub use router::{Aggregating, Delivery, Router, RouterConfig, Routing};
pub use table::RouteId;
