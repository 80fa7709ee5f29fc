//! The listener kit that every way into a node stands on.
//!
//! This crate owns what is the same for all listeners: accepting in a loop that pauses while
//! nothing can be accepted ([`accept`]), limits on connections in total and by address
//! ([`Limits`]), the end of connections in two steps ([`Connections`]), which addresses may be
//! bound ([`may_bind`]), TCP sockets that outlive the actor that listens on them
//! ([`KeptListener`]), and socket files that are private, never take the place of a live one
//! and come back when somebody removes them ([`unix`]).
//!
//! It does *not* know the protocol of a connection, who a caller is, or what is logged and counted:
//! its user says so with a [`ConnectionService`]. There are two: `ms-control` (frames over a Unix
//! socket) and `ms-transport` (HTTP over TCP). Neither terminates TLS, so nothing here does; a
//! stream that wraps another fits in as the `Stream` of an [`Accept`].
//!
//! Architecture invariants: nothing in here names actix, axum or hyper; every decision stands
//! in `logic/`, which knows no tokio, no clock and no log; a listener that cannot accept never
//! ends and never spins.
//!
//! Where to start reading: [`ConnectionService`] and [`accept`] in `accept.rs`, then `logic/`, then
//! [`unix::bind`].

mod accept;
mod connections;
mod descriptors;
mod limits;
mod logic;
mod places;
mod tcp;
pub mod unix;

pub use accept::{Accept, ConnectionService, accept};
pub use connections::{Connections, Drained, Stop};
pub use limits::{Limits, Pauses, WhenFull};
pub use logic::{AcceptBackoff, Callers, Full, is_loopback, may_bind};
pub use tcp::KeptListener;
