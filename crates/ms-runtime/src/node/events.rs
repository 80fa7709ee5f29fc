//! A node's events as a stream, for actors.

use futures_util::stream::{Stream, unfold};
use ms_actor::Node;
use ms_core::view::NodeEvent;
use tokio::sync::broadcast::error::RecvError;

/// Events from now on. One that reads too slowly misses some: what matters is looked at
/// again by those who read.
pub(crate) fn events_of(node: &Node) -> impl Stream<Item = NodeEvent> + use<> {
    let (_, events) = node.events_since(node.last_event());
    unfold(events, |mut events| async {
        loop {
            match events.recv().await {
                Ok(event) => return Some((event, events)),
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "events were missed");
                }
                Err(RecvError::Closed) => return None,
            }
        }
    })
}
