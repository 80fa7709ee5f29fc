//! Budgets of agents.

use std::borrow::Cow;

use ms_core::ActorPath;
use ms_core::budget::{AccountView, BudgetStop};

use super::MAX_REASON;
use crate::error::OpError;
use crate::operation;
use crate::request_id::RequestId;
use crate::target::Target;

/// Longest name of a unit, in characters.
const MAX_UNIT: u64 = 1_024;

operation! {
    /// All budgets and their use, by path.
    Read BudgetsRead "budgets.list" 1;
    pub struct ListBudgets -> Vec<AccountView> {}
    fn target(&self) -> Target<'_> {
        Target::Node
    }
}

operation! {
    /// The used-up budgets that hold an actor, or a part of its subtree.
    Read BudgetsRead "budgets.stops" 1;
    pub struct BudgetStops -> Vec<BudgetStop> {
        /// Which actor, or whose subtree.
        pub path: ActorPath,
    }
    fn target(&self) -> Target<'_> {
        Target::actor(&self.path)
    }
}

operation! {
    /// Permits more of a budget, over restarts where budgets are kept.
    Steer BudgetsRaise "budgets.raise" 1;
    pub struct RaiseBudget -> AccountView {
        /// The path that the budget is for.
        pub account: ActorPath,
        /// The unit: `messages`, `wall_us`, or one of the program's own.
        pub unit: String [max MAX_UNIT, "length of the unit"],
        /// The amount to add to what is permitted now.
        pub more: u64 [from 1],
        /// Why, for the record.
        pub reason: Option<String> [max MAX_REASON, "length of the reason"],
        /// The id of this request: sent again with it, the request is answered as the first was, and
        /// is not carried out again.
        pub request_id: Option<RequestId>,
    }
    fn target(&self) -> Target<'_> {
        Target::Budget(Cow::Borrowed(&self.account))
    }
    fn verb(&self) -> String {
        format!("budget raise {} by {}", self.unit, self.more)
    }
    fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
    fn check(&self) -> Result<(), OpError> {
        // `[from 1]` is written into the schema only.
        if self.more == 0 {
            let what = format!("the {} would be raised by 0", self.unit);
            return Err(OpError::bad_request(what).at("more", "more must be at least 1"));
        }
        self.bounds()
    }
}
