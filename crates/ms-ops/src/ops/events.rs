//! Events of the node and of its tasks.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ms_core::NodeLife;
use ms_core::life::{Place, PlaceError};
use ms_core::stream::EventFilter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::OpError;
use crate::field::Bounded;
use crate::operation;
use crate::target::Target;
use crate::views::PlacedEvent;

/// The point at which a stream of events starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EventStart {
    /// What happens from now on.
    Next,
    /// After a place that an item had. A place of another life of the node starts with two gaps
    /// that say so, and then with all that is kept.
    After(Place),
}

impl EventStart {
    /// Before everything that is kept; what is not kept any more is a gap.
    pub const BEGINNING: Self = Self::After(Place { life: None, node: 0, tasks: Some(0) });
}

impl fmt::Display for EventStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Next => f.write_str("next"),
            Self::After(place) => place.fmt(f),
        }
    }
}

impl FromStr for EventStart {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if text == "next" { Ok(Self::Next) } else { text.parse().map(Self::After) }
    }
}

impl TryFrom<String> for EventStart {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, PlaceError> {
        text.parse()
    }
}

impl From<EventStart> for String {
    fn from(start: EventStart) -> Self {
        start.to_string()
    }
}

impl Bounded for EventStart {
    fn schema() -> Value {
        let place = r"(([0-9a-f]{15}[1-9a-f]\.)?[0-9]{1,20}\.[0-9]{1,20}|[0-9]{1,20})";
        // 58: 16 digits of a life, two numbers of up to 20 digits, and two dots.
        json!({ "type": "string", "pattern": format!("^(next|{place})$"), "maxLength": 58 })
    }
}

operation! {
    /// Events of the node and of its tasks: those kept, and those to come where it is followed.
    Watch EventsRead "events.follow" 1;
    pub struct FollowEvents -> Box<PlacedEvent> {
        /// Goes on with new events until the caller leaves.
        #[serde(default)]
        pub follow: bool,
        /// Starts after this place, as an item has it, or with the `next` event; absent leaves it
        /// to the three fields that follow, which must be absent otherwise.
        pub from: Option<EventStart>,
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
        // Followed, it has no end of its own; doors bound the number of open streams.
        if self.follow { Duration::MAX } else { Duration::ZERO }
    }
    fn check(&self) -> Result<(), OpError> {
        // Two ways to say where to start could contradict each other; neither is given precedence.
        let numbers = self.since_seq.or(self.since_task).is_some() || self.life.is_some();
        if self.from.is_some() && numbers {
            let what = "from says where to start, and so do since_seq, since_task and life";
            return Err(OpError::bad_request(what).at("from", "leave it out, or the others"));
        }
        self.bounds()
    }
}

/// What is kept of the events of the node, from the oldest on.
impl Default for FollowEvents {
    fn default() -> Self {
        let (from, since_seq, since_task, life) = (None, None, None, None);
        let filter = EventFilter::default();
        Self { follow: false, from, since_seq, since_task, life, filter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;

    #[test]
    fn a_start_is_next_or_a_place() {
        for text in ["next", "0123456789abcdef.7.9", "7.9", "7"] {
            assert_eq!(text.parse::<EventStart>().map(|start| start.to_string()), Ok(text.into()));
        }
        assert_eq!("0.0".parse(), Ok(EventStart::BEGINNING));
        for text in ["", "now", "7.", "next.7"] {
            assert!(text.parse::<EventStart>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_start_is_enough() {
        let next = FollowEvents { from: Some(EventStart::Next), ..FollowEvents::default() };
        assert_eq!(next.check(), Ok(()));
        assert!(FollowEvents { since_task: Some(0), ..next }.check().is_err());
    }
}
