//! Budgets: what agents may use, shown and raised.

use ms_core::ActorPath;
use ms_core::budget::{AccountView, Budget, BudgetStop};
use ms_ops::ops::{BudgetStops, RaiseBudget};
use ms_ops::{OpError, codes};
use ms_worker::budgets::BudgetError;

use super::NodeControl;

impl NodeControl {
    /// The budgets that hold an actor or a part of its subtree. None, where none are shown.
    pub(super) async fn budget_stops(
        &self,
        BudgetStops { path }: BudgetStops,
    ) -> Result<Vec<BudgetStop>, OpError> {
        // Who is not there is told so, whatever the budgets say.
        let root = self.root()?;
        if path != *root.path() {
            self.find(&path).await?;
        }
        let Some(budgets) = &self.0.exposed.budgets else { return Ok(Vec::new()) };
        budgets.stops(&path).await.map_err(of_budgets)
    }

    /// All budgets. None, where none are shown.
    pub(super) async fn budgets(&self) -> Result<Vec<AccountView>, OpError> {
        let Some(budgets) = &self.0.exposed.budgets else { return Ok(Vec::new()) };
        budgets.usage().await.map_err(of_budgets)
    }

    pub(super) async fn raise_budget(&self, raise: RaiseBudget) -> Result<AccountView, OpError> {
        let RaiseBudget { account, unit, more, .. } = raise;
        let Some(budgets) = &self.0.exposed.budgets else {
            return Err(no_budget(&account).detail("this node has no budgets"));
        };
        budgets.raise(&account, Budget::new().unit(unit, more)).await.map_err(of_budgets)
    }
}

fn no_budget(account: &ActorPath) -> OpError {
    OpError::new(&codes::NO_BUDGET, format!("there is no budget for {account}"))
        .next("`msctl budget ls` shows the budgets of this node, and their units")
}

fn of_budgets(error: BudgetError) -> OpError {
    let text = error.to_string();
    match &error {
        BudgetError::NoAccount(account) => no_budget(account),
        BudgetError::NoUnit { .. } => OpError::new(&codes::NO_UNIT, text.clone())
            .at("unit", text)
            .next("`msctl budget ls` shows the budgets of this node, and their units"),
        // What this does not know of may have been carried out, too.
        _ => OpError::new(&codes::BUDGETS_SILENT, text)
            .next("`msctl budget ls` shows whether it was carried out"),
    }
    .source(error)
}
