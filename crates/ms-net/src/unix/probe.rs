//! Finding out who listens on a socket file.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::logic::{Occupant, occupant_of};

/// How long a socket in the way may take to accept.
const PROBE_WITHIN: Duration = Duration::from_millis(500);

/// Returns whether somebody listens on the socket file `path`.
///
/// It connects and hangs up. No answer in time counts as somebody, and a file that cannot be
/// connected to for another reason as nobody.
///
/// # Cancel safety
/// It can be dropped and called again.
pub async fn is_live(path: &Path) -> bool {
    matches!(probe(path).await, Ok(Occupant::Live))
}

/// Connects and hangs up. No answer in time means that it is live.
///
/// # Errors
/// That of the connect, where it leaves open who listens.
pub(crate) async fn probe(path: &Path) -> io::Result<Occupant> {
    let Ok(Err(error)) = timeout(PROBE_WITHIN, UnixStream::connect(path)).await else {
        return Ok(Occupant::Live);
    };
    match occupant_of(error.kind()) {
        Occupant::Unclear => Err(error),
        occupant => Ok(occupant),
    }
}
