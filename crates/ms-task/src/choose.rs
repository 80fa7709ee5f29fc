//! The choice of the next tasks.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ms_core::task::{AgentKind, Priority, QueueName, TaskId, TaskTime};

/// A pending task that may start now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which task.
    pub id: TaskId,
    /// The queue it waits in.
    pub queue: QueueName,
    /// The kind of agent it needs.
    pub kind: AgentKind,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was submitted.
    pub submitted: TaskTime,
}

/// Chooses among the candidates of all queues: urgent tasks first, then old ones; from each queue
/// as many as it has `room` for, and of each kind as many as it has agents free.
#[must_use]
pub fn choose(
    mut candidates: Vec<Candidate>,
    room: &BTreeMap<QueueName, usize>,
    free: &BTreeMap<AgentKind, usize>,
) -> Vec<Candidate> {
    // The id last, so that tasks of the same millisecond have a fixed order.
    candidates.sort_by_key(|task| (Reverse(task.priority), task.submitted, task.id));
    let (mut room, mut free) = (room.clone(), free.clone());
    candidates.retain(|task| match (room.get_mut(&task.queue), free.get_mut(&task.kind)) {
        (Some(room), Some(free)) if *room > 0 && *free > 0 => {
            *room -= 1;
            *free -= 1;
            true
        }
        _ => false,
    });
    candidates
}
