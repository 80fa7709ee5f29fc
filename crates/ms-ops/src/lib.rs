//! The desk: every operation on a node, once.
//!
//! This crate owns the operations on a node ([`ops`]), their answers ([`views`], beside those of
//! `ms-core`), permissions ([`policy`]), records ([`record`]), the one error ([`OpError`]) and its
//! names at each door ([`codes`]). It does *not* carry anything out: the parts of a node register as
//! providers, and doors decode, ask the [`Desk`] and encode.
//!
//! Architecture invariants: the steps of a request stand in one place and in one order
//! (`desk/steps.rs`); only the desk writes records of steering; a write that has begun is brought
//! to its end whoever leaves; a steering that is sent again with its [`RequestId`] is done once;
//! nothing in here names an actor, a store, a socket or a framework of HTTP; a call takes no lock
//! unless it has a request id.
//!
//! Start reading at [`Operation`] and [`operation!`], then `ops/actors.rs`, then `desk/steps.rs`.

pub mod authenticate;
mod caller;
pub mod codes;
mod desk;
mod error;
pub mod field;
pub mod gate;
mod macros;
mod of_task;
mod operation;
pub mod ops;
pub mod policy;
pub mod record;
mod request_id;
mod table;
mod target;
pub mod views;
mod written;

pub use caller::{Caller, Credential, Door, Pass, Principal, Role};
pub use codes::{Code, Kind};
pub use desk::{Asked, Desk, DeskBuilder, Ending, Observe, Prepared, Sink, Unobserved, Watching};
pub use error::{Cause, OpError, Parts, Place, brief};
pub use operation::{Kind as OpKind, Once, Ongoing, Operation};
pub use policy::Action;
pub use request_id::{RequestId, RequestIdError};
pub use table::{FieldInfo, Listed, Row, Table};
pub use target::Target;
pub use written::Written;
