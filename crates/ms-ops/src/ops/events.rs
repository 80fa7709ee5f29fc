//! What happens in the node.

use std::time::Duration;

use ms_core::NodeLife;
use ms_core::stream::{EventFilter, StreamEvent};

use crate::operation;
use crate::target::Target;

operation! {
    /// Events of the node and of its tasks: those kept, and those to come where it is followed.
    Watch EventsRead "events.follow" 1;
    pub struct FollowEvents -> Box<StreamEvent> {
        /// Goes on with new events until the caller leaves.
        #[serde(default)]
        pub follow: bool,
        /// Starts after this event of the node; absent starts with the oldest kept.
        pub since_seq: Option<u64>,
        /// Starts after this event about a task; absent starts with the oldest kept.
        pub since_task: Option<u64>,
        /// The life of the node that both numbers are of; absent for the present one. Of another
        /// one, a gap comes first and then all that is kept.
        pub life: Option<NodeLife>,
        /// Which events; those of the node unless it is said.
        #[serde(default)]
        pub filter: EventFilter,
    }
    fn target(&self) -> Target<'_> {
        Target::Node
    }
    fn takes(&self) -> Duration {
        if self.follow { Duration::MAX } else { Duration::ZERO }
    }
}
