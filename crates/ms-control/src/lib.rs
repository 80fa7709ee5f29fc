//! The local control endpoint of a node, over which `msctl` talks to it.
//!
//! This crate owns the wire protocol ([`proto`]), the server that a node binds ([`ControlServer`]),
//! the client ([`Client`]) and the discovery of sockets ([`discover`]). It does *not* know any
//! operation: a frame names one, and the desk of the node (`ms_ops::Desk`) answers it.
//!
//! Architecture invariants: nothing in here names actix; the endpoint is a Unix socket of mode 0600
//! and serves only its owner and root; every wait has a deadline; every frame, connection and stream
//! has a limit; no answer is cut short without a typed error.
//!
//! A node answers the operations that are provided, and refuses all others with a typed error:
//!
//! ```no_run
//! use ms_control::proto::NodeInfo;
//! use ms_control::{ControlServer, Limits};
//! use ms_ops::ops::Info;
//! use ms_ops::{Desk, Table};
//!
//! # async fn boot() -> Result<(), Box<dyn std::error::Error>> {
//! let desk = Desk::builder(Table::standard())
//!     .provide::<Info, _>(|_, Info {}| async { Ok(NodeInfo::default()) })
//!     .build();
//! let path = ms_control::discover::Places::from_env().socket_of("demo")?;
//! let server = ControlServer::bind(path, desk, Limits::default()).await?;
//! println!("control socket: {}", server.path().display());
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Where to start reading: [`proto`], then [`server`], then [`client`].

pub mod client;
pub mod discover;
pub mod error;
pub mod frame;
pub mod proto;
pub mod server;

pub use client::{Client, Items};
pub use error::ControlError;
pub use ms_ops::Kind;
pub use ms_ops::codes;
pub use proto::PROTO_VERSION;
pub use server::{BindError, ControlServer, Limits};
