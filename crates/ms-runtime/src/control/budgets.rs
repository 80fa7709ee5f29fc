//! Budgets: what agents may use, shown and raised.

use std::time::Duration;

use ms_control::proto::Reply;
use ms_control::{ControlError, Peer, codes};
use ms_core::ActorPath;
use ms_core::budget::Budget;
use ms_worker::budgets::BudgetError;

use super::NodeControl;
use super::steer::Order;

impl NodeControl {
    /// The budgets that hold an actor or a part of its subtree. None, where none are shown.
    pub(super) async fn budget(&self, path: ActorPath) -> Result<Reply, ControlError> {
        // Who is not there is told so, whatever the budgets say.
        let root = self.root()?;
        if path != *root.path() {
            self.find(&path).await?;
        }
        let Some(budgets) = &self.0.shown.budgets else { return Ok(Reply::Budget(Vec::new())) };
        budgets.stops(&path).await.map(Reply::Budget).map_err(|error| of_budgets(&error))
    }

    /// All budgets. None, where none are shown.
    pub(super) async fn budgets(&self) -> Result<Reply, ControlError> {
        let Some(budgets) = &self.0.shown.budgets else { return Ok(Reply::Budgets(Vec::new())) };
        budgets.usage().await.map(Reply::Budgets).map_err(|error| of_budgets(&error))
    }

    pub(super) async fn raise_budget(
        &self,
        peer: Peer,
        account: ActorPath,
        (unit, more): (String, u64),
        reason: Option<String>,
        within: Duration,
    ) -> Result<Reply, ControlError> {
        let verb = format!("budget raise {unit} by {more}");
        let order = Order::new(peer, account.clone(), verb, reason);
        let budgets = self.0.shown.budgets.clone();
        self.carry_out(order, within, async move {
            let none = BudgetError::NoAccount(account.clone());
            let budgets = budgets.ok_or_else(|| of_budgets(&none))?;
            let raised = budgets.raise(&account, Budget::new().unit(unit, more)).await;
            raised.map(Reply::BudgetRaised).map_err(|error| of_budgets(&error))
        })
        .await
    }
}

fn of_budgets(error: &BudgetError) -> ControlError {
    let what = match error {
        BudgetError::NoAccount(path) => format!("there is no budget for {path}"),
        error => error.to_string(),
    };
    match error {
        BudgetError::NoAccount(_) | BudgetError::NoUnit { .. } => {
            ControlError::new(&codes::NO_BUDGET, what)
                .next("`msctl budget ls` shows the budgets of this node, and their units")
        }
        // What this does not know of may have been carried out, too.
        _ => {
            ControlError::timed_out(what).next("`msctl budget ls` shows whether it was carried out")
        }
    }
}
