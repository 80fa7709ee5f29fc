//! The way in from outside, over HTTP.
//!
//! An [`HttpGateway`] is a listener under supervision: it is bound when its start is
//! done, answers 503 until it is told to [`Serve`], and ends after a [`Drain`] with every request in hand
//! answered. [`Api`] is what it serves: durable tasks, the tree, services, events, health; with
//! its OpenAPI document at `/api/v1/openapi.json`, and every error as problem details
//! (RFC 9457). [`admin_gateway`] serves metrics and health on a port of its own.
//!
//! Bodies, heads, connections, requests, streams and every wait are bounded by
//! [`HttpLimits`]. A listener that others can reach wants a token and TLS in front of it,
//! or it refuses to start ([`BindError::Open`]).
//!
//! This crate does *not* keep tasks or decide about them (`ms-core`, `ms-worker`,
//! `ms-store`), nor judge health (`ms-runtime`): it asks the desk of its node
//! (`ms-ops`), which whoever puts a system together provides.
//!
//! [`HttpClient`] is the way out: calls of agents to other services.
//!
//! The way of a request: `accept.rs` takes the connection, `guard.rs` asks who it is and
//! whether there is room, `body.rs` reads it, `tasks.rs` and its like answer,
//! `problem.rs` is how they say no. Start reading at `http/mod.rs`.

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
