//! Budgets: how much an agent, or a subtree of agents, may use.
//!
//! An *account* belongs to a path and counts what all agents at and below it use: messages,
//! wall time in handlers, and whatever units the user names (tokens, money). An agent may
//! handle its next message only while no account it belongs to is used up. What is
//! looked at is the past: a handler that is let in may pass a limit, by what one message
//! costs, and is the last one.
//!
//! Pure: whoever runs agents asks [`Ledger::draw`] before each handler.

mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::ActorPath;

pub use kept::{BudgetStore, KeptUsage};

/// The unit of messages handled.
pub const MESSAGES: &str = "messages";
/// The unit of time spent in handlers, in microseconds.
pub const WALL_US: &str = "wall_us";

/// Limits by unit.
///
/// ```
/// use std::time::Duration;
/// use ms_core::budget::Budget;
/// let budget = Budget::new().messages(1_000).wall(Duration::from_secs(600)).unit("tokens", 50_000);
/// assert_eq!(budget.limits()["tokens"], 50_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget(BTreeMap<String, u64>);

impl Budget {
    /// No limit yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// At most so many messages.
    #[must_use]
    pub fn messages(self, limit: u64) -> Self {
        self.unit(MESSAGES, limit)
    }

    /// At most so much time in handlers, awaits included.
    #[must_use]
    pub fn wall(self, limit: Duration) -> Self {
        self.unit(WALL_US, micros(limit))
    }

    /// At most so much of a unit of the user's own.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>, limit: u64) -> Self {
        self.0.insert(unit.into(), limit);
        self
    }

    /// The limits by unit.
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

/// All accounts.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    accounts: BTreeMap<ActorPath, BTreeMap<String, Usage>>,
    /// What was permitted beyond the limits that accounts were opened with.
    raised: BTreeMap<ActorPath, BTreeMap<String, u64>>,
    /// Accounts that are not kept as they are now.
    changed: BTreeSet<ActorPath>,
}

impl Ledger {
    /// Opens an account for the agents at and below `path`, or sets new limits for one that is
    /// open; what is used stays used, and what was raised is permitted beside the new limit.
    pub fn open(&mut self, path: ActorPath, budget: &Budget) {
        let raised = self.raised.get(&path);
        let account = self.accounts.entry(path).or_default();
        account.retain(|unit, _| budget.0.contains_key(unit));
        for (unit, &limit) in &budget.0 {
            let raised = raised.and_then(|raised| raised.get(unit)).copied().unwrap_or_default();
            let limit = limit.saturating_add(raised);
            account.entry(unit.clone()).or_insert(Usage { used: 0, limit }).limit = limit;
        }
    }

    /// Lets an agent handle one more message, and counts it, unless an account it belongs to is
    /// used up.
    ///
    /// # Errors
    /// The outermost such account; nothing is counted.
    pub fn draw(&mut self, agent: &ActorPath) -> Result<(), OverBudget> {
        match self.over(agent) {
            Some(over) => Err(over),
            None => {
                self.charge(agent, MESSAGES, 1);
                Ok(())
            }
        }
    }

    /// Counts what an agent has used, in every account it belongs to that limits this unit.
    pub fn charge(&mut self, agent: &ActorPath, unit: &str, amount: u64) {
        let within = self.accounts.iter_mut().filter(|(path, _)| agent.is_within(path));
        for (path, usage) in within.filter_map(|(path, units)| Some((path, units.get_mut(unit)?))) {
            usage.used = usage.used.saturating_add(amount);
            if !self.changed.contains(path) {
                self.changed.insert(path.clone());
            }
        }
    }

    /// Counts time spent in a handler.
    pub fn took(&mut self, agent: &ActorPath, time: Duration) {
        self.charge(agent, WALL_US, micros(time));
    }

    /// The outermost account of an agent that is used up.
    #[must_use]
    pub fn over(&self, agent: &ActorPath) -> Option<OverBudget> {
        let mut within = self.accounts.iter().filter(|(path, _)| agent.is_within(path));
        within.find_map(|(path, units)| used_up(path, units))
    }

    /// The limit of this very account that is used up.
    #[must_use]
    pub fn over_of(&self, account: &ActorPath) -> Option<OverBudget> {
        let units = self.accounts.get(account)?;
        used_up(account, units)
    }

    /// Used and permitted of one account, by unit.
    #[must_use]
    pub fn units(&self, account: &ActorPath) -> Option<&BTreeMap<String, Usage>> {
        self.accounts.get(account)
    }

    /// Permits more, of units that are limited already. False when there is no such account.
    pub fn raise(&mut self, account: &ActorPath, more: &Budget) -> bool {
        let Some(units) = self.accounts.get_mut(account) else { return false };
        let raised = self.raised.entry(account.clone()).or_default();
        for (unit, more) in &more.0 {
            if let Some(usage) = units.get_mut(unit) {
                usage.limit = usage.limit.saturating_add(*more);
                let raised = raised.entry(unit.clone()).or_default();
                *raised = raised.saturating_add(*more);
            }
        }
        self.changed.insert(account.clone());
        true
    }

    /// Goes on from what was kept, where an account that is open limits the unit. For a ledger
    /// on which nothing was drawn yet.
    pub fn restore(&mut self, kept: &[KeptUsage]) {
        for KeptUsage { account, unit, used, raised } in kept {
            let units = self.accounts.get_mut(account);
            if let Some(usage) = units.and_then(|units| units.get_mut(unit)) {
                usage.used = usage.used.saturating_add(*used);
                usage.limit = usage.limit.saturating_add(*raised);
                self.raised.entry(account.clone()).or_default().insert(unit.clone(), *raised);
            }
        }
    }

    /// What has changed since this was last asked, to be kept.
    pub fn take_changed(&mut self) -> Vec<KeptUsage> {
        let changed = std::mem::take(&mut self.changed);
        let kept = changed.into_iter().flat_map(|account| self.kept(&account));
        kept.collect()
    }

    /// These could not be kept: they are among the next changes again.
    pub fn changed_again(&mut self, kept: &[KeptUsage]) {
        self.changed.extend(kept.iter().map(|one| one.account.clone()));
    }

    fn kept(&self, account: &ActorPath) -> Vec<KeptUsage> {
        let raised = |unit: &String| self.raised.get(account)?.get(unit).copied();
        let kept = |(unit, usage): (&String, &Usage)| KeptUsage {
            account: account.clone(),
            unit: unit.clone(),
            used: usage.used,
            raised: raised(unit).unwrap_or_default(),
        };
        self.accounts.get(account).into_iter().flatten().map(kept).collect()
    }

    /// All accounts, by path.
    #[must_use]
    pub fn view(&self) -> Vec<AccountView> {
        let view = |(account, units): (&ActorPath, &BTreeMap<String, Usage>)| AccountView {
            account: account.clone(),
            units: units.clone(),
        };
        self.accounts.iter().map(view).collect()
    }
}

fn used_up(account: &ActorPath, units: &BTreeMap<String, Usage>) -> Option<OverBudget> {
    let (unit, usage) = units.iter().find(|(_, usage)| usage.used >= usage.limit)?;
    Some(OverBudget {
        account: account.clone(),
        unit: unit.clone(),
        used: usage.used,
        limit: usage.limit,
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
