//! The actor that owns the accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, ActorContext, AsyncContext, Handler, Running, WrapFuture};
use ms_actor::{AnyRef, Context, StateValue, unix_ms};
use ms_core::ActorPath;
use ms_core::budget::{AccountView, Budget, BudgetStop, OverBudget};
use ms_core::task::StoreError;
use ms_core::view::EventKind;
use ms_task::budget::{BudgetStore, KeptUsage, Ledger};

use super::BudgetError;
use super::messages::{Charge, Draw, GetStops, GetUsage, Raise, Took, TryDraw};

/// What nobody waits for is on disk within this time, and what could not be kept is tried again
/// after it.
const SAVE_WITHIN: Duration = Duration::from_secs(1);

/// Owns the accounts; see [`Budgets`](super::Budgets).
pub struct LedgerActor {
    ledger: Ledger,
    keeper: Option<Keeper>,
    /// The agents that ever drew: bounded by the agents there are.
    agents: Vec<AnyRef>,
    /// Agents that wait with a message; each has one at most.
    held: Vec<Draw>,
    /// Agents that were let in with a message and have not said yet that they are done with it.
    /// What they look like from outside lags behind the answer they have given.
    in_hand: BTreeSet<ActorPath>,
    /// Accounts whose end was told, and when that was, in milliseconds since 1970.
    told: BTreeMap<ActorPath, u64>,
}

/// Has the accounts kept: one save at a time, and what comes up meanwhile goes with the next.
struct Keeper {
    store: Arc<dyn BudgetStore>,
    saving: bool,
    /// The last save failed: nobody is held up until one succeeds.
    failing: bool,
    timer: bool,
    /// What is answered when the changes so far are on disk.
    owed: Vec<Answer>,
    /// Told to stop: ends when all is saved.
    ending: bool,
}

type Answer = Box<dyn FnOnce() + Send>;

impl LedgerActor {
    pub(super) fn new(limits: &[(ActorPath, Budget)], store: Option<Arc<dyn BudgetStore>>) -> Self {
        let mut ledger = Ledger::default();
        limits.iter().for_each(|(path, budget)| ledger.open(path.clone(), budget));
        let keeper = store.map(|store| Keeper {
            store,
            saving: false,
            failing: false,
            timer: false,
            owed: Vec::new(),
            ending: false,
        });
        Self {
            ledger,
            keeper,
            agents: Vec::new(),
            held: Vec::new(),
            in_hand: BTreeSet::new(),
            told: BTreeMap::new(),
        }
    }

    /// Answers when the accounts as they are now are on disk.
    fn answer(&mut self, answer: impl FnOnce() + Send + 'static, ctx: &mut Context<Self>) {
        match &mut self.keeper {
            Some(keeper) if !keeper.failing => keeper.owed.push(Box::new(answer)),
            _ => answer(),
        }
        self.save(ctx);
    }

    /// Begins to save, unless that is under way or there is nothing to save.
    fn save(&mut self, ctx: &mut Context<Self>) {
        let Some(keeper) = self.keeper.as_mut().filter(|keeper| !keeper.saving) else { return };
        let owed = std::mem::take(&mut keeper.owed);
        let changed = self.ledger.take_changed();
        if changed.is_empty() {
            return owed.into_iter().for_each(|answer| answer());
        }
        keeper.saving = true;
        let saved = keeper.store.keep(changed.clone());
        ctx.spawn(saved.into_actor(self).map(move |saved, this, ctx| {
            owed.into_iter().for_each(|answer| answer());
            this.saved(saved, &changed, ctx);
        }));
    }

    fn saved(
        &mut self,
        saved: Result<(), StoreError>,
        changed: &[KeptUsage],
        ctx: &mut Context<Self>,
    ) {
        let Some(keeper) = &mut self.keeper else { return };
        keeper.saving = false;
        let was_failing = std::mem::replace(&mut keeper.failing, saved.is_err());
        match saved {
            Ok(()) => self.save(ctx),
            Err(error) => {
                self.ledger.changed_again(changed);
                if !was_failing {
                    tracing::warn!(%error, "what is used of the budgets could not be kept; tried again");
                }
                let owed = self.keeper.iter_mut().flat_map(|keeper| keeper.owed.drain(..));
                owed.collect::<Vec<_>>().into_iter().for_each(|answer| answer());
                self.save_later(ctx);
            }
        }
        self.end_if_saved(ctx);
    }

    /// Saves within a second: what nobody waits for.
    fn save_later(&mut self, ctx: &mut Context<Self>) {
        let Some(keeper) = self.keeper.as_mut().filter(|keeper| !keeper.timer) else { return };
        keeper.timer = true;
        ctx.run_later(SAVE_WITHIN, |this, ctx| {
            this.keeper.iter_mut().for_each(|keeper| keeper.timer = false);
            this.save(ctx);
        });
    }

    /// One that is told to stop saves once more, and does not insist.
    fn end_if_saved(&self, ctx: &mut Context<Self>) {
        if self.keeper.as_ref().is_some_and(|keeper| keeper.ending && !keeper.saving) {
            ctx.stop();
        }
    }

    pub(super) fn view(&self) -> StateValue {
        let accounts = self.ledger.view().into_iter().map(|account| {
            let units = account.units.into_iter();
            let units = units.map(|(unit, usage)| {
                (unit, StateValue::from(format!("{} of {}", usage.used, usage.limit)))
            });
            (account.account.to_string(), StateValue::map(units))
        });
        StateValue::map(accounts)
    }

    fn know(&mut self, agent: &AnyRef) {
        if !self.agents.contains(agent) {
            self.agents.retain(|known| !known.is_closed());
            self.agents.push(agent.clone());
            let agents = &self.agents;
            self.in_hand.retain(|path| agents.iter().any(|known| known.path() == path));
        }
    }

    /// Suspends the subtree of an account that is used up, and says so, once.
    fn suspend(&mut self, over: &OverBudget, ctx: &Context<Self>) {
        let within = self.agents.iter().filter(|agent| agent.path().is_within(&over.account));
        // One in the middle of a message finishes it first.
        within.filter(|agent| !self.in_hand.contains(agent.path())).for_each(AnyRef::suspend);
        if !self.told.contains_key(&over.account) {
            self.told.insert(over.account.clone(), unix_ms());
            tracing::warn!(account = %over.account, %over, "suspended over budget");
            ctx.node().publish(EventKind::Steered {
                path: over.account.clone(),
                verb: "suspend".to_owned(),
                by: "budget".to_owned(),
                reason: Some(over.to_string()),
                outcome: "ok".to_owned(),
            });
        }
    }

    /// Lets all go on that may, with the messages they hold.
    fn let_go(&mut self, account: &ActorPath, ctx: &mut Context<Self>) {
        let ledger = &self.ledger;
        let free = |agent: &&AnyRef| {
            agent.path().is_within(account) && ledger.over(agent.path()).is_none()
        };
        self.agents.iter().filter(free).for_each(AnyRef::resume);
        for draw in std::mem::take(&mut self.held) {
            self.draw(draw, ctx);
        }
    }

    /// Permits more, of each unit or of none: a limit that is not there cannot be raised, and who
    /// asked for it would believe that it was.
    fn raise(&mut self, account: &ActorPath, more: &Budget) -> Result<AccountView, BudgetError> {
        let units = self.ledger.units(account);
        let units = units.ok_or_else(|| BudgetError::NoAccount(account.clone()))?;
        if let Some(unit) = more.limits().keys().find(|unit| !units.contains_key(*unit)) {
            let known = units.keys().cloned().collect::<Vec<_>>().join(", ");
            let (account, unit) = (account.clone(), unit.clone());
            return Err(BudgetError::NoUnit { account, unit, known });
        }
        self.ledger.raise(account, more);
        let units = self.ledger.units(account).cloned().unwrap_or_default();
        Ok(AccountView { account: account.clone(), units })
    }

    fn draw(&mut self, draw: Draw, ctx: &mut Context<Self>) {
        match self.ledger.draw(draw.agent.path()) {
            // Whoever has died meanwhile has lost the message as well.
            Ok(()) if draw.granted.is_closed() => {}
            Ok(()) => {
                self.in_hand.insert(draw.agent.path().clone());
                // Whoever asked may have gone meanwhile: it is counted all the same.
                self.answer(move || draw.granted.send(()).unwrap_or(()), ctx);
            }
            Err(over) => {
                self.suspend(&over, ctx);
                draw.agent.suspend();
                self.held.retain(|held| !held.granted.is_closed());
                self.held.push(draw);
            }
        }
    }
}

impl Actor for LedgerActor {
    type Context = Context<Self>;

    /// Goes on from what was kept.
    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(keeper) = &self.keeper else { return };
        let load = keeper.store.kept();
        ctx.wait(load.into_actor(self).map(|kept, this, ctx| match kept {
            Ok(kept) => this.ledger.restore(&kept),
            Err(error) => ctx.fail(error),
        }));
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        let Some(keeper) = &mut self.keeper else { return Running::Stop };
        if !std::mem::replace(&mut keeper.ending, true) {
            self.save(ctx);
        }
        match self.keeper.as_ref().is_some_and(|keeper| keeper.saving) {
            true => Running::Continue,
            false => Running::Stop,
        }
    }
}

impl Handler<Draw> for LedgerActor {
    type Result = ();

    fn handle(&mut self, draw: Draw, ctx: &mut Self::Context) {
        self.know(&draw.agent);
        self.draw(draw, ctx);
    }
}

impl Handler<TryDraw> for LedgerActor {
    type Result = ();

    fn handle(&mut self, TryDraw { agent, reply }: TryDraw, ctx: &mut Self::Context) {
        self.know(&agent);
        // Whoever is given another task has none, whatever became of the one before.
        self.in_hand.remove(agent.path());
        let drawn = self.ledger.draw(agent.path());
        match &drawn {
            Ok(()) => drop(self.in_hand.insert(agent.path().clone())),
            Err(over) => self.suspend(over, ctx),
        }
        self.answer(move || drop(reply.send(drawn)), ctx);
    }
}

impl Handler<Charge> for LedgerActor {
    type Result = ();

    fn handle(&mut self, charge: Charge, ctx: &mut Self::Context) {
        self.ledger.charge(&charge.agent, &charge.unit, charge.amount);
        let drawn = self.ledger.over(&charge.agent).map_or(Ok(()), Err);
        self.answer(move || drop(charge.reply.send(drawn)), ctx);
    }
}

impl Handler<Took> for LedgerActor {
    type Result = ();

    fn handle(&mut self, Took(agent, time): Took, ctx: &mut Self::Context) {
        self.ledger.took(&agent, time);
        self.save_later(ctx);
        self.in_hand.remove(&agent);
        // Its subtree was suspended while it was at work.
        let is_told = |over: &OverBudget| self.told.contains_key(&over.account);
        if self.ledger.over(&agent).as_ref().is_some_and(is_told) {
            let is_it = |known: &&AnyRef| *known.path() == agent;
            self.agents.iter().filter(is_it).for_each(AnyRef::suspend);
        }
    }
}

impl Handler<Raise> for LedgerActor {
    type Result = ();

    fn handle(&mut self, raise: Raise, ctx: &mut Self::Context) {
        let Raise { account, more, reply } = raise;
        let raised = self.raise(&account, &more);
        if raised.is_ok() {
            self.told.remove(&account);
            self.let_go(&account, ctx);
        }
        self.answer(move || drop(reply.send(raised)), ctx);
    }
}

impl Handler<GetUsage> for LedgerActor {
    type Result = actix::MessageResult<GetUsage>;

    fn handle(&mut self, GetUsage: GetUsage, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.ledger.view())
    }
}

impl Handler<GetStops> for LedgerActor {
    type Result = actix::MessageResult<GetStops>;

    fn handle(&mut self, GetStops(path): GetStops, _: &mut Self::Context) -> Self::Result {
        let concerns = |account: &ActorPath| path.is_within(account) || account.is_within(&path);
        let stop = |(account, &unix_ms): (&ActorPath, &u64)| {
            let over = self.ledger.over_of(account)?;
            let units = self.ledger.units(account).cloned().unwrap_or_default();
            Some(BudgetStop { over, unix_ms, units })
        };
        let told = self.told.iter().filter(|(account, _)| concerns(account));
        actix::MessageResult(told.filter_map(stop).collect())
    }
}

impl fmt::Debug for LedgerActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerActor").field("held", &self.held.len()).finish_non_exhaustive()
    }
}
