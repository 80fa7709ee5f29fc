//! The API's budgets: the client of their ledger.

use ms_core::ActorPath;
use ms_core::budget::{AccountView, Budget};
use ms_transport::{BudgetRefusal, BudgetsPort, PortFuture};
use ms_worker::budgets::{BudgetClient, BudgetError};

/// [`BudgetClient`] as the API asks it.
pub(crate) struct ApiBudgets(pub(crate) BudgetClient);

impl BudgetsPort for ApiBudgets {
    fn usage(&self) -> PortFuture<'_, Result<Vec<AccountView>, BudgetRefusal>> {
        Box::pin(async { self.0.usage().await.map_err(|error| refused(&error)) })
    }

    fn raise(
        &self,
        account: ActorPath,
        more: Budget,
    ) -> PortFuture<'_, Result<AccountView, BudgetRefusal>> {
        Box::pin(async move { self.0.raise(&account, more).await.map_err(|error| refused(&error)) })
    }
}

fn refused(error: &BudgetError) -> BudgetRefusal {
    let told = error.to_string();
    match error {
        BudgetError::NoAccount(path) => {
            BudgetRefusal::NoBudget(format!("there is no budget for {path}"))
        }
        BudgetError::NoUnit { .. } => BudgetRefusal::NoUnit(told),
        _ => BudgetRefusal::NoAnswer(told),
    }
}
