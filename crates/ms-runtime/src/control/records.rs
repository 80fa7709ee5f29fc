//! Records of steering: events of the node.

use std::sync::atomic::Ordering;

use ms_core::ActorPath;
use ms_core::view::EventKind;
use ms_ops::Target;
use ms_ops::record::{Outcome, Records, Steering};
use ms_worker::tasks::TaskClient;

use super::NodeControl;

/// Publishes what was steered. The desk is the only one that has it.
pub(super) struct OnRecord(pub(super) NodeControl);

impl Records for OnRecord {
    /// An event has an outcome; what is about to be done is in the log.
    fn intent(&self, _: &Steering) {}

    fn outcome(&self, steering: &Steering, outcome: Outcome) {
        let node = &self.0.0;
        let counter = if outcome.done { &node.steered } else { &node.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        let Steering { target, verb, by, reason, .. } = steering.clone();
        let Some(path) = self.0.path_of(target) else { return };
        node.node.publish(EventKind::Steered { path, verb, by, reason, outcome: outcome.text });
    }
}

impl NodeControl {
    /// The actor that a target is, or that has it: of tasks, the one that hands them out; of
    /// everything else, the root. `/root`, which always is a path, while the tree has not started.
    fn path_of(&self, target: Target<'_>) -> Option<ActorPath> {
        let dispatcher = || self.0.exposed.tasks.as_ref().and_then(TaskClient::dispatcher);
        let of = match target {
            Target::Actor(path) | Target::Budget(path) => Some(path.into_owned()),
            Target::Task(_) | Target::Tasks => dispatcher().map(|actor| actor.path().clone()),
            _ => None,
        };
        let root = || self.0.root.get().map(|root| root.path().clone());
        of.or_else(root).or_else(|| ActorPath::new("/root").ok())
    }
}
