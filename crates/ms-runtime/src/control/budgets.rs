//! Budgets: what agents may use, read and raised.

use ms_core::budget::{AccountView, Budget, BudgetStop};
use ms_core::{ActorPath, ErrorChain};
use ms_ops::ops::{BudgetStops, RaiseBudget};
use ms_ops::{OpError, codes};
use ms_worker::budgets::BudgetError;

use super::NodeControl;

impl NodeControl {
    /// Returns the budgets that hold an actor or a part of its subtree; none, where the node
    /// exposes none.
    pub(super) async fn budget_stops(
        &self,
        BudgetStops { path }: BudgetStops,
    ) -> Result<Vec<BudgetStop>, OpError> {
        // A wrong path must be an error. Without this look-up it would read as "no budget holds
        // it".
        let root = self.root()?;
        if path != *root.path() {
            self.find(&path).await?;
        }
        let Some(budgets) = &self.0.exposed.budgets else { return Ok(Vec::new()) };
        budgets.stops(&path).await.map_err(of_budgets)
    }

    /// Returns all budgets; none, where the node exposes none.
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
    let text = ErrorChain::from_error(&error).to_string();
    let unsent = match &error {
        BudgetError::NotStarted => true,
        BudgetError::NoAnswer(failure) => failure.is_unsent(),
        _ => false,
    };
    let refusal = match &error {
        BudgetError::NoAccount(account) => no_budget(account),
        BudgetError::NoUnit { .. } => OpError::new(&codes::NO_UNIT, text.clone())
            .at("unit", text)
            .next("`msctl budget ls` shows the budgets of this node, and their units"),
        // No answer is no refusal: the raise may have been carried out. So the error does not say
        // "refused", and names the command that shows what happened.
        _ => OpError::new(&codes::BUDGETS_SILENT, text)
            .next("`msctl budget ls` shows whether it was carried out"),
    };
    let refusal = refusal.source(error);
    if unsent { refusal.not_done() } else { refusal }
}
