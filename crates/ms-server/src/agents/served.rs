//! Agents that carry out a contract.

use std::fmt;
use std::sync::Arc;

use ms_core::Invalid;
use ms_core::task::{FailureKind, TaskFailure};
use ms_router::{Contract, Validated};
use ms_worker::tasks::{Performs, Task, TaskCx};
use ms_worker::{Agent, Cx, InitError};

/// Carries out a contract: the payload is its input, the result is its output.
///
/// The input is checked at submission, and again before it is carried out: only a
/// [`Validated`] input can be executed, and the task may have been stored by an older program.
pub struct Served<C>(Arc<C>);

impl<C: Contract + Send + Sync> Agent for Served<C> {
    type Args = Arc<C>;
    async fn init(contract: Arc<C>, _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self(contract))
    }
}

impl<C: Contract + Send + Sync> Performs for Served<C> {
    type Payload = C::Input;
    type Output = C::Output;

    fn validate(contract: &Arc<C>, input: &C::Input) -> Result<(), Invalid> {
        contract.validate(input)
    }

    async fn perform(
        &mut self,
        task: Task<C::Input>,
        _: &mut TaskCx<'_, Self>,
    ) -> Result<C::Output, TaskFailure> {
        let input = Validated::check(&*self.0, task.payload);
        let input = input.map_err(|invalid| TaskFailure::permanent(invalid.to_string()))?;
        let done = self.0.execute(input).await;
        done.map_err(|error| TaskFailure::from_error(FailureKind::Error, &error))
    }
}

impl<C> fmt::Debug for Served<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Served").field(&std::any::type_name::<C>()).finish()
    }
}
