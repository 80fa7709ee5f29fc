//! Which tasks are next.

use std::collections::BTreeMap;

use super::id::{AgentKind, TaskId};
use super::new::Priority;
use super::time::TaskTime;

/// A pending task that may start now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which task.
    pub id: TaskId,
    /// The kind of agent it needs.
    pub kind: AgentKind,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was submitted.
    pub submitted: TaskTime,
}

/// Chooses at most `limit` of the candidates of one queue: the urgent before the others,
/// the old before the young, and no more of a kind than agents of it are free.
#[must_use]
pub fn choose(
    mut candidates: Vec<Candidate>,
    free: &BTreeMap<AgentKind, usize>,
    limit: usize,
) -> Vec<Candidate> {
    candidates.sort_by_key(|task| (std::cmp::Reverse(task.priority), task.submitted, task.id));
    let mut free = free.clone();
    candidates.retain(|task| match free.get_mut(&task.kind) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    });
    candidates.truncate(limit);
    candidates
}
