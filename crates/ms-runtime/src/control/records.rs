//! Records of steering, as events of the node.

use std::sync::atomic::Ordering;

use ms_core::ActorPath;
use ms_core::view::EventKind;
use ms_ops::Target;
use ms_ops::record::{Outcome, Records, Steering};
use ms_worker::tasks::TaskClient;

use super::NodeControl;

/// Publishes every outcome of steering as an event of the node. Only the desk has it.
pub(super) struct OnRecord(pub(super) NodeControl);

impl Records for OnRecord {
    // Nothing is published for an intent: the desk logs it, and the event is to carry the outcome.
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
    /// Returns the path that an event about this target carries: the actor itself, the dispatcher
    /// for tasks, else the root.
    // Every record needs a path, even one about a tree that has not started: `/root` then.
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
