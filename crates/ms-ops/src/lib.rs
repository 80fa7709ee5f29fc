//! The desk: every operation on a node, once.
//!
//! This crate owns what a node can be asked ([`ops`]), what it answers ([`views`] and those of
//! `ms-core`), who may ask ([`policy`]), what is put on record ([`record`]), why something was not
//! carried out ([`OpError`]) and what that is called at each door ([`codes`]). It does *not* carry
//! anything out: the parts of a node register as providers, and doors decode, ask the [`Desk`] and
//! encode.
//!
//! Architecture invariants: the steps of a request stand in one place and in one order
//! (`desk/steps.rs`); only the desk writes records of steering; a write that has begun is brought
//! to its end whoever leaves; nothing in here names an actor, a store, a socket or a framework of
//! HTTP; a call takes no lock.
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
pub use error::{Cause, OpError, Parts, Place};
pub use operation::{Kind as OpKind, Once, Ongoing, Operation};
pub use policy::Action;
pub use request_id::{RequestId, RequestIdError};
pub use table::{FieldInfo, Listed, Row, Table};
pub use target::Target;
pub use written::Written;
