//! The events of a node as a stream, for actors.

use futures_util::stream::{Stream, StreamExt};
use ms_actor::{Entry, Node, ReadFrom};
use ms_core::view::NodeEvent;

/// Returns the events from now on. A reader that is too slow misses some.
// A gap is worth a debug line only: the actor `health` asks every component again at its next
// round, so what it missed is found out then.
pub(crate) fn events_of(node: &Node) -> impl Stream<Item = NodeEvent> + use<> {
    let entries = node.events().reader(ReadFrom::Next).stream();
    entries.filter_map(async |entry| {
        if let Entry::Missed { missed, .. } = entry {
            tracing::debug!(missed, "events were missed");
        }
        entry.event()
    })
}
