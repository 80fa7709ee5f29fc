//! Operations that look at actors, count, trace and steer them.

use std::time::Duration;

use ms_core::view::{BlastRadius, TraceLine, WhyRecord};
use ms_core::{ActorPath, Incarnation};

use super::MAX_REASON;
use super::choices::{Fault, PsSort, Verb};
use crate::operation;
use crate::request_id::RequestId;
use crate::target::Target;
use crate::views::{Flat, Injected, PsTable, StateView, StatisticsView, Steered};

/// Longest window of [`Ps`].
pub const MAX_WINDOW: Duration = Duration::from_secs(60);
/// Most records of [`Why`].
pub const MAX_WHY: usize = 100;
/// Most lines of [`TraceMessages`].
pub const MAX_TRACE: u32 = 10_000;
/// Longest [`TraceMessages`].
pub const MAX_TRACE_FOR: Duration = Duration::from_secs(600);

/// A bound in milliseconds; the longest is ten minutes.
#[allow(clippy::cast_possible_truncation, reason = "ten minutes are no 2^64 ms")]
const fn millis(span: Duration) -> u64 {
    span.as_millis() as u64
}

operation! {
    /// All actors, with their work within a window.
    Read ActorsRead "actors.ps" 1;
    pub struct Ps -> PsTable {
        /// Length of the window in milliseconds; the node takes as long to answer.
        pub window_ms: u64 [max millis(MAX_WINDOW), "window in ms"],
        /// What comes first.
        #[serde(default)]
        pub sort: PsSort,
        /// The number of rows; absent is all.
        pub top: Option<usize>,
    }
    fn target(&self) -> Target<'_> {
        Target::Node
    }
    fn takes(&self) -> Duration {
        // The provider counts at both ends of the window, so no answer can come sooner.
        Duration::from_millis(self.window_ms)
    }
}

operation! {
    /// One actor with its direct children.
    Read ActorsRead "actors.inspect" 1;
    pub struct Inspect -> Flat {
        /// Which actor.
        pub path: ActorPath,
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
}

operation! {
    /// The state that an actor discloses of itself, redacted.
    Read StateRead "actors.state" 1;
    pub struct ReadState -> StateView {
        /// Which actor.
        pub path: ActorPath,
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
}

operation! {
    /// Why an actor ended, newest first.
    Read ActorsRead "actors.why" 1;
    pub struct Why -> Vec<WhyRecord> {
        /// Which actor.
        pub path: ActorPath,
        /// The number of records; absent is one.
        pub limit: Option<usize> [max MAX_WHY as u64, "limit"],
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
}

operation! {
    /// The counts of an actor by message type.
    Read ActorsRead "actors.statistics" 1;
    pub struct Statistics -> StatisticsView {
        /// Which actor.
        pub path: ActorPath,
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
}

operation! {
    /// Starts or ends the counting of an actor's messages by type from now on.
    Steer TreeSteer "actors.count" 1;
    pub struct CountMessages -> StatisticsView {
        /// Which actor.
        pub path: ActorPath,
        /// Whether it starts or ends.
        pub on: bool,
        /// The incarnation that is meant: another one is left alone, and reported as a conflict.
        pub incarnation: Option<Incarnation>,
        /// The id of this request: sent again with it, the request is answered as the first was, and
        /// is not carried out again.
        pub request_id: Option<RequestId>,
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
    fn verb(&self) -> String {
        if self.on { "statistics on" } else { "statistics off" }.to_owned()
    }
}

operation! {
    /// What a steering verb would do to an actor and those around it.
    Read ActorsRead "actors.dry_run" 1;
    pub struct DryRun -> BlastRadius {
        /// Which actor.
        pub path: ActorPath,
        /// Which verb.
        pub verb: Verb,
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
}

operation! {
    /// Kills, restarts, suspends, resumes or stops an actor.
    Steer TreeSteer "actors.steer" 1;
    pub struct SteerActor -> Steered {
        /// Which actor.
        pub path: ActorPath,
        /// Which verb.
        pub verb: Verb,
        /// Why, for the record.
        pub reason: Option<String> [max MAX_REASON, "length of the reason"],
        /// The incarnation that is meant: another one is left alone, and reported as a conflict.
        pub incarnation: Option<Incarnation>,
        /// The id of this request: sent again with it, the request is answered as the first was, and
        /// is not carried out again.
        pub request_id: Option<RequestId>,
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
    fn verb(&self) -> String {
        self.verb.to_string()
    }
    fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
    fn outcome(done: &Steered) -> Option<String> {
        // Only a restart adds something, the new incarnation; the other outcomes repeat the verb.
        (done.verb == Verb::Restart).then(|| done.outcome.clone())
    }
}

operation! {
    /// Injects a fault into an actor, where the node allows it.
    Steer FaultsInject "actors.inject" 1;
    pub struct Inject -> Injected {
        /// Which actor.
        pub path: ActorPath,
        /// Which fault.
        pub fault: Fault,
        /// The incarnation that is meant: another one is left alone, and reported as a conflict.
        pub incarnation: Option<Incarnation>,
        /// The id of this request: sent again with it, the request is answered as the first was, and
        /// is not carried out again.
        pub request_id: Option<RequestId>,
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
    fn verb(&self) -> String {
        format!("inject {}", self.fault)
    }
}

operation! {
    /// The messages that an actor handles, as they are handled.
    Watch StateRead "actors.trace" 1;
    pub struct TraceMessages -> TraceLine {
        /// Which actor.
        pub path: ActorPath,
        /// Ends after so many messages.
        pub max: u32 [max u64::from(MAX_TRACE), "max"],
        /// Ends after so many milliseconds.
        pub for_ms: u64 [max millis(MAX_TRACE_FOR), "for in ms"],
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
    fn takes(&self) -> Duration {
        Duration::from_millis(self.for_ms)
    }
}
