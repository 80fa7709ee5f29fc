//! Budgets: how much an agent, or a subtree of agents, may use.
//!
//! An *account* belongs to a path and counts what all agents at and below it use: messages, wall
//! time in handlers, and whatever units the user names (tokens, money). An agent may handle its
//! next message only while no account it belongs to is used up. Only past use is checked: a handler
//! that is admitted may pass a limit by one message, and is then the last.
//!
//! These are the types; the accounts themselves are kept by `ms_task::budget::Ledger`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::ActorPath;

/// The unit of messages handled.
pub const MESSAGES: &str = "messages";
/// The unit of time spent in handlers, in microseconds.
pub const WALL_US: &str = "wall_us";

/// Limits by unit.
///
/// ```
/// use std::time::Duration;
/// use ms_core::budget::Budget;
/// let budget = Budget::new().messages(1_000).wall(Duration::from_secs(600)).unit("tokens", 50);
/// assert_eq!(budget.limits()["tokens"], 50);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget(BTreeMap<String, u64>);

impl Budget {
    /// Makes a budget without limits.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Limits how many messages are handled.
    #[must_use]
    pub fn messages(self, limit: u64) -> Self {
        self.unit(MESSAGES, limit)
    }

    /// Limits the time spent in handlers, awaits included.
    #[must_use]
    pub fn wall(self, limit: Duration) -> Self {
        self.unit(WALL_US, micros(limit))
    }

    /// Limits a unit of the user's own, such as tokens.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>, limit: u64) -> Self {
        self.0.insert(unit.into(), limit);
        self
    }

    /// Returns the limits by unit.
    #[must_use]
    pub const fn limits(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

/// An account is used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("the budget of {account} is used up: {used} of {limit} {unit}; raise it to go on")]
pub struct OverBudget {
    /// The path of the account.
    pub account: ActorPath,
    /// Which limit.
    pub unit: String,
    /// How much is used.
    pub used: u64,
    /// How much is permitted.
    pub limit: u64,
}

/// What an account has used of its budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The path of the account.
    pub account: ActorPath,
    /// Used and permitted, by unit.
    pub units: BTreeMap<String, Usage>,
}

/// An account that is used up and has suspended agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetStop {
    /// Which limit of which account.
    pub over: OverBudget,
    /// When an agent was first refused, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Used and permitted of the whole account, by unit.
    pub units: BTreeMap<String, Usage>,
}

/// How much of a unit is used and permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// How much is used.
    pub used: u64,
    /// How much is permitted.
    pub limit: u64,
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
