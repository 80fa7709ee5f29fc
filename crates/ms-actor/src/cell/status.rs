//! What a cell says of itself without asking its actor.

use std::sync::atomic::Ordering;

use ms_core::Incarnation;
use ms_core::view::{ActorStatus, MailboxView, Mark};

use crate::cell::core::Core;
use crate::node::arbiter::NOWHERE;

impl Core {
    /// Returns the parts of a status that do not depend on how the actor is served.
    pub(crate) fn describe(&self) -> ActorStatus {
        let now = self.node.now();
        let arbiter = self.arbiter.load(Ordering::Acquire);
        let (live, last, started, restarts, last_exit) = self.life(|life| {
            (life.live, life.last, life.started, life.restarts, life.last_exit.as_deref().cloned())
        });
        let alive = live != Incarnation::NONE;
        ActorStatus {
            path: self.path.clone(),
            incarnation: last,
            kind: self.kind,
            tier: self.tier,
            actor_type: self.actor_type.to_owned(),
            lifecycle: self.lifecycle(),
            restart: None,
            restarts,
            mailbox: MailboxView {
                capacity: self.mailbox_spec.capacity.map(|bound| bound as u64),
                overflow: self.mailbox_spec.overflow.as_str().to_owned(),
                ..MailboxView::default()
            },
            handling: None,
            handled: 0,
            busy_us: 0,
            arbiter: (arbiter != NOWHERE).then_some(arbiter),
            uptime_ms: alive.then(|| now.since(started).as_millis() as u64),
            last_exit,
            types: Vec::new(),
            marks: self.marks(),
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let mut marks = Vec::new();
        if self.node.is_stalled(self.arbiter.load(Ordering::Acquire)) {
            // Perhaps not through its own fault: its thread does not turn.
            marks.push(Mark::Unresponsive);
        }
        if self.suspended.load(Ordering::Acquire) {
            marks.push(Mark::Suspended);
        }
        if self.traced.load(Ordering::Acquire) {
            marks.push(Mark::Traced);
        }
        marks
    }
}
