//! The door for HTTP, and a client.
//!
//! An [`HttpGateway`] is a listener under supervision. It is bound when its start is done, answers 503
//! until it gets [`Serve`], and ends after a [`Drain`] when every request in progress is answered.
//! [`Api`] is what it serves: durable tasks, the tree, services, events and health, with an OpenAPI
//! document at `/api/v1/openapi.json`, and every error as problem details (RFC 9457).
//! [`admin_gateway`] serves metrics and health on a port of its own.
//!
//! Bodies, heads, connections, requests, streams and every wait are bounded by [`HttpLimits`]. A
//! listener that others can reach needs a token and TLS in front of it, or it refuses to start
//! ([`BindError::Open`]).
//!
//! This crate does *not* carry anything out or decide about it: it decodes requests, asks the desk of
//! its node (`ms_ops::Desk`) and encodes the answers.
//!
//! [`HttpClient`] makes calls of agents to other services.
//!
//! The way of a request: `accept.rs` takes the connection, `framing.rs` and `head.rs` check its head,
//! `guard.rs` checks the caller and the room, `body.rs` reads the body, `tasks.rs` and its like ask the
//! desk, `problem.rs` is the answer to whatever fails. Start reading at `http/mod.rs`.

#[cfg(feature = "http")]
mod http;
#[cfg(feature = "config")]
pub mod section;

#[cfg(feature = "http")]
pub use http::{
    ADMIN_PORT, API_PORT, AUTH_KEY, Access, Admission, Api, Bind, BindError, ClientError, Closed,
    Drain, Drained, Gate, GatewaySpec, HttpClient, HttpGateway, HttpLimits, Incoming, LocalAddr,
    Outgoing, Serve, TLS_KEY, Token, admin_gateway,
};
