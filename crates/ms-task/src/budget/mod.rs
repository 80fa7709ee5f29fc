//! The accounts of agents: what is used, what is permitted, which agents may go on.
//!
//! The caller runs [`Ledger::draw`] before each handler, and stores the changes of
//! [`Ledger::take_changed`] where they survive the process.

mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ms_core::ActorPath;
use ms_core::budget::{AccountView, Budget, MESSAGES, OverBudget, Usage, WALL_US};

pub use kept::{BudgetStore, KeptUsage};

/// All accounts.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    accounts: BTreeMap<ActorPath, BTreeMap<String, Usage>>,
    /// By how much the limits were raised since the accounts were opened.
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
        account.retain(|unit, _| budget.limits().contains_key(unit));
        for (unit, &limit) in budget.limits() {
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
            // Looked up first: `insert` alone would clone the path for every message.
            if !self.changed.contains(path) {
                self.changed.insert(path.clone());
            }
        }
    }

    /// Counts time spent in a handler.
    pub fn took(&mut self, agent: &ActorPath, time: Duration) {
        self.charge(agent, WALL_US, micros(time));
    }

    /// Returns the outermost account of an agent that is used up.
    #[must_use]
    pub fn over(&self, agent: &ActorPath) -> Option<OverBudget> {
        // The map is sorted by path, so the outermost account comes first.
        let mut within = self.accounts.iter().filter(|(path, _)| agent.is_within(path));
        within.find_map(|(path, units)| used_up(path, units))
    }

    /// Returns the limit of this very account that is used up.
    #[must_use]
    pub fn over_of(&self, account: &ActorPath) -> Option<OverBudget> {
        let units = self.accounts.get(account)?;
        used_up(account, units)
    }

    /// Returns what is used and permitted of one account, by unit.
    #[must_use]
    pub fn units(&self, account: &ActorPath) -> Option<&BTreeMap<String, Usage>> {
        self.accounts.get(account)
    }

    /// Raises the limits of units that have one already. Returns false when there is no such
    /// account.
    pub fn raise(&mut self, account: &ActorPath, more: &Budget) -> bool {
        let Some(units) = self.accounts.get_mut(account) else { return false };
        let raised = self.raised.entry(account.clone()).or_default();
        for (unit, more) in more.limits() {
            if let Some(usage) = units.get_mut(unit) {
                usage.limit = usage.limit.saturating_add(*more);
                let raised = raised.entry(unit.clone()).or_default();
                *raised = raised.saturating_add(*more);
            }
        }
        self.changed.insert(account.clone());
        true
    }

    /// Adds what was kept to the accounts that are open and limit its unit. Only for a ledger that
    /// nothing has been drawn from yet.
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

    /// Returns what has changed since the last call, to be kept.
    pub fn take_changed(&mut self) -> Vec<KeptUsage> {
        let changed = std::mem::take(&mut self.changed);
        let kept = changed.into_iter().flat_map(|account| self.kept(&account));
        kept.collect()
    }

    /// Puts accounts that could not be kept among the next changes again.
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

    /// Returns all accounts, by path.
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
