//! The node itself.

use ms_core::interactions::InteractionMetrics;

use crate::target::Target;
use crate::views::{HealthAnswer, NodeInfo, OpenResources};
use crate::{choice, operation};

choice! {
    /// The question of a probe.
    pub enum ProbeKind {
        /// Has the start finished?
        Startup = "startup",
        /// Do its supervisors answer? No dependency is looked at.
        Liveness = "liveness",
        /// Can it be sent work?
        Readiness = "readiness",
    }
}

operation! {
    /// The node itself: version, uptime, counters, cost of inspections.
    Read ActorsRead "node.info" 1;
    pub struct Info -> NodeInfo {}
    fn target(&self) -> Target<'_> {
        Target::Node
    }
}

operation! {
    /// How the components of a service interact: health scores, error rates, latencies, incidents.
    Read NodeRead "node.interactions" 1;
    pub struct Interactions -> Box<InteractionMetrics> {}
    fn target(&self) -> Target<'_> {
        Target::Node
    }
}

operation! {
    /// The open resources of the node: files, locks, listeners.
    Read NodeRead "node.resources" 1;
    pub struct Resources -> OpenResources {}
    fn target(&self) -> Target<'_> {
        Target::Node
    }
}

operation! {
    /// Whether the node has started, is alive, or is ready, for the probes of Kubernetes.
    Read HealthProbe "node.probe" 1;
    pub struct Probe -> HealthAnswer {
        /// Which question.
        pub probe: ProbeKind,
    }
    fn target(&self) -> Target<'_> {
        Target::Node
    }
}
