//! The paths that readiness walks: a write, the dispatcher's claim, a request to its own port.
//!
//! An actor that says it is well does not prove that work gets through it. These go the way that
//! work goes, through every actor on it, and leave nothing behind.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ms_runtime::{PathFuture, ReadinessPath};
use ms_transport::GatewaySpec;
use ms_worker::tasks::TaskClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest walk. It only bounds what is left behind: the probe's own timeout is not longer.
const WALK_WITHIN: Duration = Duration::from_secs(60);
/// A request that is never refused: it needs no credentials, and asks no other actor.
const REQUEST: &[u8] =
    b"GET /health/startup HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// The beginning of every answer.
const ANSWER: &[u8] = b"HTTP/1.1 ";

/// The path through the store to the disk.
pub(crate) struct ToStorage(pub(crate) TaskClient);

impl ReadinessPath for ToStorage {
    fn name(&self) -> &str {
        "storage"
    }

    fn walk(&self) -> PathFuture<'_> {
        Box::pin(async { self.0.touch_store(WALK_WITHIN).await.map_err(|error| error.to_string()) })
    }
}

/// The path through the dispatcher to the store.
pub(crate) struct ToDispatcher(pub(crate) TaskClient);

impl ReadinessPath for ToDispatcher {
    fn name(&self) -> &str {
        "dispatcher"
    }

    fn walk(&self) -> PathFuture<'_> {
        Box::pin(async {
            self.0.touch_dispatcher(WALK_WITHIN).await.map_err(|error| error.to_string())
        })
    }
}

/// The path through the API's port. Empty until the listener exists.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToApi(Arc<OnceLock<GatewaySpec>>);

impl ToApi {
    /// Sets the gateway to ask.
    pub(crate) fn set(&self, gateway: &GatewaySpec) {
        // The gateway is made once in the life of a node; a second call changes nothing.
        let _ = self.0.set(gateway.clone());
    }
}

impl ReadinessPath for ToApi {
    fn name(&self) -> &str {
        "api"
    }

    fn walk(&self) -> PathFuture<'_> {
        Box::pin(async {
            let gateway = self.0.get().ok_or("the API does not listen yet")?;
            request(reachable(gateway.addr()))
                .await
                .map_err(|error| format!("the API's own port: {error}"))
        })
    }
}

async fn request(addr: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(REQUEST).await?;
    let mut begin = [0; ANSWER.len()];
    stream.read_exact(&mut begin).await?;
    match begin == *ANSWER {
        true => Ok(()),
        false => Err(std::io::Error::other("its answer is not HTTP")),
    }
}

/// Returns the loopback address for a listener on all addresses, and others as they are.
fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    addr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_is_everywhere_is_asked_on_this_machine() {
        let of = |addr: &str| reachable(addr.parse().expect("an address")).to_string();
        assert_eq!(of("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(of("[::]:80"), "[::1]:80");
        assert_eq!(of("192.0.2.1:80"), "192.0.2.1:80");
    }
}
