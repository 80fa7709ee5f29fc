//! An agent that returns its payload.

use ms_core::task::TaskFailure;
use ms_worker::tasks::{Performs, Task, TaskCx};
use ms_worker::{Agent, Cx, InitError};
use serde_json::Value;

/// Returns its payload as its result.
#[derive(Debug)]
pub struct Echo;

impl Agent for Echo {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self)
    }
}

impl Performs for Echo {
    type Payload = Value;
    type Output = Value;
    async fn perform(
        &mut self,
        task: Task<Value>,
        _: &mut TaskCx<'_, Self>,
    ) -> Result<Value, TaskFailure> {
        Ok(task.payload)
    }
}
