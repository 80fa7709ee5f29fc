//! An agent whose totals outlive it, to try out saved state.

use std::collections::{BTreeMap, VecDeque};

use ms_actor::StateValue;
use ms_core::Invalid;
use ms_core::task::{TaskFailure, TaskId};
use ms_worker::tasks::{Performs, Task, TaskCx};
use ms_worker::{Agent, AgentState, Cx, InitError};
use serde::{Deserialize, Serialize};

/// Longest name of a total, in bytes.
const MAX_NAME: usize = 64;
/// Largest number of totals.
const MAX_TOTALS: usize = 1_000;
/// Tasks that are remembered, so that one that runs again is not counted again.
const REMEMBERED: usize = 1_000;

/// Adds to totals, each task once, whatever crashes.
///
/// A total and the task that raised it are saved together, before the task ends. Saved apart, a
/// crash in between would lose a task or count it twice.
#[derive(Debug)]
pub struct Tally {
    /// `None` until the first task of this life.
    state: Option<Totals>,
}

/// The payload of a task for [`Tally`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addend {
    /// The name of the total.
    name: String,
    /// The amount to add.
    add: u64,
}

/// The saved state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Totals {
    totals: BTreeMap<String, u64>,
    /// The last tasks that were counted, oldest first.
    counted: VecDeque<TaskId>,
}

impl AgentState for Totals {
    const SCHEMA: u32 = 1;
}

impl Totals {
    /// Returns the state with this task counted; `None` if it was counted before.
    fn with(
        &self,
        task: TaskId,
        Addend { name, add }: &Addend,
    ) -> Result<Option<Self>, TaskFailure> {
        if self.counted.contains(&task) {
            return Ok(None);
        }
        let mut next = self.clone();
        if !next.totals.contains_key(name) && next.totals.len() >= MAX_TOTALS {
            let full =
                format!("there are {MAX_TOTALS} totals, which is the limit; add to one of them");
            return Err(TaskFailure::permanent(full));
        }
        let total = next.totals.entry(name.clone()).or_default();
        *total = total
            .checked_add(*add)
            .ok_or_else(|| TaskFailure::permanent("the total would not fit into 64 bits"))?;
        next.counted.push_back(task);
        if next.counted.len() > REMEMBERED {
            next.counted.pop_front();
        }
        Ok(Some(next))
    }
}

impl Agent for Tally {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self { state: None })
    }

    fn state(&self) -> StateValue {
        let totals = self.state.iter().flat_map(|state| &state.totals);
        StateValue::map(totals.map(|(name, total)| (name.clone(), StateValue::from(*total))))
    }
}

impl Performs for Tally {
    type Payload = Addend;
    type Output = u64;
    const NEEDS_STATE: bool = true;

    fn validate((): &(), Addend { name, .. }: &Addend) -> Result<(), Invalid> {
        match (1..=MAX_NAME).contains(&name.len()) {
            true => Ok(()),
            false => Err(Invalid::new("name", format!("must have 1 to {MAX_NAME} bytes"))),
        }
    }

    async fn perform(
        &mut self,
        task: Task<Addend>,
        cx: &mut TaskCx<'_, Self>,
    ) -> Result<u64, TaskFailure> {
        let state = match self.state.take() {
            Some(state) => state,
            None => cx.saved().await?.unwrap_or_default(),
        };
        let state = match state.with(task.view.id, &task.payload)? {
            Some(next) => {
                // `self.state` is empty here. If the save fails, the next task reads the saved
                // state again, which may or may not have this one.
                cx.save(&next).await?;
                next
            }
            None => state,
        };
        let total = state.totals.get(&task.payload.name).copied().unwrap_or_default();
        self.state = Some(state);
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(n: u128) -> TaskId {
        TaskId::new(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_task_is_counted_once() {
        let one = Addend { name: "a".to_owned(), add: 2 };
        let once = Totals::default().with(task(1), &one).expect("fits").expect("counted");
        assert!(once.with(task(1), &one).expect("fits").is_none());
        let twice = once.with(task(2), &one).expect("fits").expect("counted");
        assert_eq!(twice.totals["a"], 4);
        let large = Addend { name: "a".to_owned(), add: u64::MAX };
        assert!(twice.with(task(3), &large).is_err());
    }
}
