//! An agent that sleeps in steps: work that is long enough to be killed in the middle.

use std::time::Duration;

use ms_core::Invalid;
use ms_core::task::TaskFailure;
use ms_worker::tasks::{Performs, Task, TaskCx};
use ms_worker::{Agent, Cx, InitError};
use serde::Deserialize;

/// Longest step, in milliseconds.
const STEP_MAX: u64 = 60_000;
/// Largest number of steps.
const STEPS_MAX: u32 = 1_000;

/// Sleeps in steps, each of them in the journal: a later attempt sleeps only the rest.
#[derive(Debug)]
pub struct Wait;

/// The payload of a task for [`Wait`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitSteps {
    /// Number of steps; by default 1.
    #[serde(default = "one")]
    steps: u32,
    /// Length of each step, in milliseconds.
    ms: u64,
}

const fn one() -> u32 {
    1
}

impl Agent for Wait {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self)
    }
}

impl Performs for Wait {
    type Payload = WaitSteps;
    type Output = u32;

    fn validate((): &(), WaitSteps { steps, ms }: &WaitSteps) -> Result<(), Invalid> {
        if *ms > STEP_MAX {
            return Err(Invalid::new("ms", format!("must be at most {STEP_MAX}")));
        }
        if !(1..=STEPS_MAX).contains(steps) {
            return Err(Invalid::new("steps", format!("must be 1 to {STEPS_MAX}")));
        }
        Ok(())
    }

    async fn perform(
        &mut self,
        task: Task<WaitSteps>,
        cx: &mut TaskCx<'_, Self>,
    ) -> Result<u32, TaskFailure> {
        let WaitSteps { steps, ms } = task.payload;
        for step in 0..steps {
            cx.step(&format!("step-{step}"), || async {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            })
            .await?;
        }
        Ok(steps)
    }
}
