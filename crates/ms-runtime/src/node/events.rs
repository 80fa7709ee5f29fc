//! A node's events as a stream, for actors.

use futures_util::stream::{Stream, StreamExt};
use ms_actor::{Entry, Node, ReadFrom};
use ms_core::view::NodeEvent;

/// Events from now on. One that reads too slowly misses some: what matters is looked at
/// again by those who read.
pub(crate) fn events_of(node: &Node) -> impl Stream<Item = NodeEvent> + use<> {
    let entries = node.events().reader(ReadFrom::Next).stream();
    entries.filter_map(async |entry| {
        if let Entry::Missed { missed, .. } = entry {
            tracing::debug!(missed, "events were missed");
        }
        entry.event()
    })
}
