//! Records of steering, as events: of tasks in the log of events about tasks, of all else in that of
//! the node.

use std::sync::atomic::Ordering;

use ms_core::ActorPath;
use ms_core::task::TaskSteering;
use ms_core::view::EventKind;
use ms_ops::Target;
use ms_ops::record::{Outcome, Records, Steering};
use ms_worker::tasks::TaskClient;

use super::NodeControl;

/// Publishes every outcome of steering as an event. Only the desk has it.
pub(super) struct OnRecord(pub(super) NodeControl);

impl Records for OnRecord {
    // Nothing is published for an intent: the desk logs it, and the event is to carry the outcome.
    fn intent(&self, _: &Steering) {}

    fn outcome(&self, steering: &Steering, outcome: Outcome) {
        let node = &self.0.0;
        let counter = if outcome.done { &node.steered } else { &node.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        let Steering { target, verb, by, reason, .. } = steering.clone();
        let task = match target {
            Target::Task(id) => Some(Some(id)),
            Target::Tasks => Some(None),
            _ => None,
        };
        let Some(path) = self.0.path_of(target) else { return };
        let outcome = outcome.text;
        match task {
            Some(task) => {
                self.0.about_task(TaskSteering { path, task, verb, by, reason, outcome });
            }
            None => node.node.publish(EventKind::Steered { path, verb, by, reason, outcome }),
        }
    }
}

impl NodeControl {
    /// Publishes a steering of tasks.
    // Anybody may ask for tasks that do not exist, thousands a second. In the log of the node the
    // records of that would push the end of an actor out before anybody has read it.
    fn about_task(&self, steering: TaskSteering) {
        let node = &self.0.node;
        let refused = match &self.0.exposed.task_events {
            Some(log) => log.publish(steering, || node.now().as_millis()),
            None => Err(steering),
        };
        // Without a log of its own, or once that has ended, it is still to leave a record.
        if let Err(TaskSteering { path, verb, by, reason, outcome, .. }) = refused {
            node.publish(EventKind::Steered { path, verb, by, reason, outcome });
        }
    }

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
