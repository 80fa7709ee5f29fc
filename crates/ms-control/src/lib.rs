//! The local control endpoint of a node: how `msctl` and a running node talk.
//!
//! This crate owns the wire protocol ([`proto`]), the server that a node binds
//! ([`ControlServer`]), the client ([`Client`]), where the socket lives
//! ([`discover`]) and the catalogue of error codes ([`codes`]). It does *not*
//! know any actor: a node implements [`ControlHandler`] and asks its own tree.
//!
//! Architecture invariants: nothing in here names actix; the endpoint is a Unix
//! socket of mode 0600 and serves only its owner and root; every wait has a
//! deadline; every frame, connection and stream has a limit; no answer is ever
//! cut short without a typed error.
//!
//! A node answers what it allows, and everything else is refused by type:
//!
//! ```no_run
//! use std::sync::Arc;
//! use ms_control::proto::{NodeInfo, Reply, Request, StreamItem};
//! use ms_control::{BoxFuture, ControlError, ControlHandler, ControlServer, Limits, Peer};
//! use tokio::sync::mpsc;
//!
//! struct Node;
//!
//! impl ControlHandler for Node {
//!     fn call(&self, _: Peer, request: Request) -> BoxFuture<'_, Result<Reply, ControlError>> {
//!         Box::pin(async move {
//!             match request {
//!                 Request::Info => Ok(Reply::Info(NodeInfo::default())),
//!                 other => Err(ControlError::refused(format!("{other:?} is not for this node"))),
//!             }
//!         })
//!     }
//!
//!     fn stream(
//!         &self, _: Peer, _: Request, _: mpsc::Sender<StreamItem>,
//!     ) -> BoxFuture<'_, Result<(), ControlError>> {
//!         Box::pin(async { Err(ControlError::refused("this node has no streams")) })
//!     }
//! }
//!
//! # async fn boot() -> Result<(), Box<dyn std::error::Error>> {
//! let path = ms_control::discover::Places::from_env().socket_of("demo")?;
//! let server = ControlServer::bind(path, Arc::new(Node), Limits::default()).await?;
//! println!("control socket: {}", server.path().display());
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Where to start reading: [`proto::Request`] and [`proto::Reply`], then
//! [`ControlHandler`], then [`server`].

pub mod client;
pub mod codes;
pub mod discover;
pub mod error;
pub mod frame;
pub mod proto;
pub mod server;

pub use client::{Client, Items};
pub use error::{ControlError, Kind};
pub use proto::{PROTO_VERSION, Reply, Request, StreamItem};
pub use server::{BindError, BoxFuture, ControlHandler, ControlServer, Limits, Peer};
