//! Admission to the control socket, and the refusals.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ms_net::unix::{BindError, FileListener, SocketName};
use ms_net::{ConnectionService, Full, Pauses, Stop, WhenFull};
use ms_ops::{OpError, codes};
use tokio::net::UnixStream;
use tokio::net::unix::SocketAddr;

use super::{ControlService, Limits, Peer, conn};
use crate::error::ControlError;

/// The name of the socket in messages, and the option that sets it.
pub(super) const SOCKET: SocketName = SocketName { name: "control", option: "--control PATH" };

impl Limits {
    /// Returns the limits that the listener applies.
    pub(super) const fn of_listener(&self) -> ms_net::Limits {
        ms_net::Limits {
            connections: self.max_connections,
            per_address: None,
            // The other listeners spare descriptors for this one.
            spare_descriptors: 0,
            when_full: WhenFull::Refuse,
            pauses: Pauses::UntilOneEnds,
        }
    }
}

impl ConnectionService for ControlService {
    type Listener = FileListener;
    type Caller = Peer;
    type Refusal = ControlError;

    fn identify(&self, stream: &UnixStream, _: SocketAddr) -> Result<Peer, ControlError> {
        // The kernel knows the peer, so that there is no secret to store, send or leak.
        match stream.peer_cred() {
            Ok(cred) if self.socket.serves(cred.uid()) => {
                Ok(Peer { uid: cred.uid(), pid: cred.pid() })
            }
            Ok(cred) => Err(not_you(cred.uid())),
            Err(error) => {
                Err(OpError::internal("the peer is unknown").why(error.to_string()).into())
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: UnixStream, peer: Peer, stop: Stop) {
        conn::serve(stream, peer, self, stop).await;
    }

    fn refuse(&self, stream: UnixStream, refusal: ControlError) {
        tracing::warn!(what = refusal.what, "control connection refused");
        conn::refuse(&stream, refusal);
    }

    fn paused(&self, error: &io::Error, pause: Duration) {
        tracing::warn!(%error, ?pause, "control endpoint cannot accept");
    }

    fn panicked(&self, message: &str) {
        tracing::error!(error = message, "a control connection failed");
    }
}

impl From<&BindError> for ControlError {
    fn from(error: &BindError) -> Self {
        let info = match error {
            BindError::InUse { .. } => &codes::IN_USE,
            // The others are about the path: too long, not a socket, or refused by the system.
            _ => &codes::BAD_PATH,
        };
        let why = std::error::Error::source(error).map(ToString::to_string);
        Self::new(info, error.to_string()).why(why.unwrap_or_default())
    }
}

impl From<Full> for ControlError {
    fn from(full: Full) -> Self {
        let what = match full {
            Full::InTotal { limit } => format!("all {limit} control connections are taken"),
            other => other.to_string(),
        };
        Self::new(&codes::TOO_MANY, what)
            .next("end a --watch or --follow that nobody looks at, and try again")
    }
}

fn not_you(uid: u32) -> ControlError {
    ControlError::new(&codes::NOT_YOU, format!("user {uid} may not use this control socket"))
        .why("it serves the user that runs the node, and root")
        .next("run msctl as the node's user")
}
