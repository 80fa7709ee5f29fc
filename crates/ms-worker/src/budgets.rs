//! Budgets: the actor that owns the accounts, and what agents have of it.
//!
//! Before each handler an agent of a budgeted subtree draws on its accounts
//! ([`ms_core::budget::Ledger`]). When one is used up, the message is held, the agents of the
//! subtree are suspended (which the tree shows) as soon as each is done with its message,
//! and an event says which budget it was. [`BudgetClient::raise`] lets them go on, with
//! the held messages first.
//!
//! What is used is counted for as long as the actor lives; its restart begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Handler, Message};
use ms_actor::host::Blueprint;
use ms_actor::{AnyRef, AskError, Context, Ref, StateValue, unix_ms};
use ms_core::budget::{AccountView, Budget, BudgetStop, Ledger, OverBudget};
use ms_core::view::{EventKind, Tier};
use ms_core::{ActorPath, IdError};
use ms_supervisor::ChildSpec;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep};

/// How long an agent waits before it asks a ledger again that did not answer.
const PAUSE: Duration = Duration::from_millis(50);

type Whereabouts = watch::Receiver<Option<Ref<LedgerActor>>>;

/// Budgets of agents and subtrees, as one child that owns the accounts.
///
/// ```
/// use ms_core::budget::Budget;
/// use ms_worker::budgets::Budgets;
/// let budgets = Budgets::new("budgets")
///     .limit("/root/crawlers", Budget::new().messages(10_000).unit("tokens", 50_000))?;
/// # Ok::<(), ms_core::IdError>(())
/// ```
#[derive(Clone)]
pub struct Budgets {
    id: String,
    limits: Vec<(ActorPath, Budget)>,
    whereabouts: Arc<watch::Sender<Option<Ref<LedgerActor>>>>,
}

impl Budgets {
    /// Budgets as the child `id`; start it before the agents.
    #[must_use]
    pub fn new(id: impl AsRef<str>) -> Self {
        let whereabouts = Arc::new(watch::Sender::new(None));
        Self { id: id.as_ref().to_owned(), limits: Vec::new(), whereabouts }
    }

    /// Limits the agents at and below `path` together.
    ///
    /// # Errors
    /// The text is no path.
    pub fn limit(mut self, path: impl AsRef<str>, budget: Budget) -> Result<Self, IdError> {
        self.limits.push((ActorPath::new(path)?, budget));
        Ok(self)
    }

    /// The actor that owns the accounts.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let (limits, whereabouts) = (self.limits.clone(), Arc::clone(&self.whereabouts));
        let factory = move |me: &Ref<LedgerActor>| {
            let mut actor = LedgerActor::default();
            limits.iter().for_each(|(path, budget)| actor.ledger.open(path.clone(), budget));
            whereabouts.send_replace(Some(me.clone()));
            Ok(actor)
        };
        let blueprint = Blueprint::with_view(factory, Tier::Kernel, Some(LedgerActor::view));
        ChildSpec::blueprint(&self.id, blueprint)
    }

    /// The way to look at the accounts and to raise them.
    #[must_use]
    pub fn client(&self) -> BudgetClient {
        BudgetClient { ledger: self.whereabouts.subscribe() }
    }

    /// What one agent draws with.
    pub(crate) fn meter(&self, agent: AnyRef) -> Meter {
        Meter { ledger: self.whereabouts.subscribe(), agent }
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets").field("id", &self.id).field("limits", &self.limits).finish()
    }
}

/// Looks at accounts and raises them.
#[derive(Debug, Clone)]
pub struct BudgetClient {
    ledger: Whereabouts,
}

/// Why a call about budgets did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BudgetError {
    /// No budget was set for that path.
    #[error("there is no budget for {0}; set one with `Budgets::limit`")]
    NoAccount(ActorPath),
    /// The actor that owns the accounts does not answer.
    #[error("the budgets do not answer: {0}; look at their actor in the tree")]
    NoAnswer(String),
}

impl BudgetClient {
    /// All accounts with what is used of them.
    ///
    /// # Errors
    /// [`BudgetError::NoAnswer`].
    pub async fn usage(&self) -> Result<Vec<AccountView>, BudgetError> {
        self.ledger()?.ask(GetUsage).await.map_err(no_answer)
    }

    /// The accounts that hold agents at, below or above `path`: what `msctl why` tells of it.
    ///
    /// # Errors
    /// [`BudgetError::NoAnswer`].
    pub async fn stops(&self, path: &ActorPath) -> Result<Vec<BudgetStop>, BudgetError> {
        self.ledger()?.ask(GetStops(path.clone())).await.map_err(no_answer)
    }

    /// Permits more to the account of `path`, and lets its agents go on.
    ///
    /// # Errors
    /// There is no such account, or no answer.
    pub async fn raise(&self, path: &ActorPath, more: Budget) -> Result<(), BudgetError> {
        let raise = Raise { account: path.clone(), more };
        match self.ledger()?.ask(raise).await.map_err(no_answer)? {
            true => Ok(()),
            false => Err(BudgetError::NoAccount(path.clone())),
        }
    }

    fn ledger(&self) -> Result<Ref<LedgerActor>, BudgetError> {
        let none = || BudgetError::NoAnswer("they were not started".to_owned());
        self.ledger.borrow().clone().ok_or_else(none)
    }
}

fn no_answer<M>(error: AskError<M>) -> BudgetError
where
    AskError<M>: fmt::Display,
{
    BudgetError::NoAnswer(error.to_string())
}

/// An agent's way to its accounts.
#[derive(Clone)]
pub(crate) struct Meter {
    ledger: Whereabouts,
    agent: AnyRef,
}

impl Meter {
    /// Waits until the agent may handle its next message.
    pub(crate) async fn draw(&self) {
        while let Some(ledger) = self.reach().await {
            let (granted, answer) = oneshot::channel();
            let draw = Draw { agent: self.agent.clone(), granted };
            if ledger.tell(draw).await.is_ok() && answer.await.is_ok() {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// Whether the agent may handle its next message now; counted if it may.
    pub(crate) async fn try_draw(&self) -> Result<(), OverBudget> {
        let Some(ledger) = self.reach().await else { return Ok(()) };
        // A ledger that does not answer is being restarted, with fresh accounts.
        ledger.ask(TryDraw(self.agent.clone())).await.unwrap_or(Ok(()))
    }

    /// Counts what was used; an error says that the next message will be held.
    pub(crate) async fn charge(&self, unit: &str, amount: u64) -> Result<(), OverBudget> {
        let Some(ledger) = self.reach().await else { return Ok(()) };
        let charge = Charge { agent: self.path(), unit: unit.to_owned(), amount };
        ledger.ask(charge).await.unwrap_or(Ok(()))
    }

    /// Counts time in a handler when what is returned is dropped, by a panic too.
    pub(crate) fn stopwatch(&self) -> Stopwatch {
        Stopwatch { meter: self.clone(), begun: Instant::now() }
    }

    /// The ledger; `None` when the budgets are gone for good.
    async fn reach(&self) -> Option<Ref<LedgerActor>> {
        let mut ledger = self.ledger.clone();
        let found = ledger.wait_for(Option::is_some).await;
        found.ok().and_then(|found| found.clone())
    }

    fn path(&self) -> ActorPath {
        self.agent.path().clone()
    }
}

/// See [`Meter::stopwatch`].
pub(crate) struct Stopwatch {
    meter: Meter,
    begun: Instant,
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        let took = Took(self.meter.path(), self.begun.elapsed());
        if let Some(ledger) = self.meter.ledger.borrow().as_ref() {
            // A ledger whose mailbox is full loses this one measurement.
            drop(ledger.try_tell(took));
        }
    }
}

/// An agent wants to handle a message; answered when it may.
struct Draw {
    agent: AnyRef,
    granted: oneshot::Sender<()>,
}

impl Message for Draw {
    type Result = ();
}

/// The same, answered at once.
struct TryDraw(AnyRef);

impl Message for TryDraw {
    type Result = Result<(), OverBudget>;
}

struct Charge {
    agent: ActorPath,
    unit: String,
    amount: u64,
}

impl Message for Charge {
    type Result = Result<(), OverBudget>;
}

struct Took(ActorPath, Duration);

impl Message for Took {
    type Result = ();
}

struct Raise {
    account: ActorPath,
    more: Budget,
}

impl Message for Raise {
    type Result = bool;
}

struct GetUsage;

impl Message for GetUsage {
    type Result = Vec<AccountView>;
}

struct GetStops(ActorPath);

impl Message for GetStops {
    type Result = Vec<BudgetStop>;
}

/// Owns the accounts; see [`Budgets`].
#[derive(Default)]
pub struct LedgerActor {
    ledger: Ledger,
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

impl LedgerActor {
    fn view(&self) -> StateValue {
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
    fn let_go(&mut self, account: &ActorPath, ctx: &Context<Self>) {
        let ledger = &self.ledger;
        let free = |agent: &&AnyRef| {
            agent.path().is_within(account) && ledger.over(agent.path()).is_none()
        };
        self.agents.iter().filter(free).for_each(AnyRef::resume);
        for draw in std::mem::take(&mut self.held) {
            self.draw(draw, ctx);
        }
    }

    fn draw(&mut self, draw: Draw, ctx: &Context<Self>) {
        match self.ledger.draw(draw.agent.path()) {
            // Whoever has died meanwhile has lost the message as well.
            Ok(()) if draw.granted.is_closed() => {}
            Ok(()) => {
                self.in_hand.insert(draw.agent.path().clone());
                let _ = draw.granted.send(());
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
}

impl Handler<Draw> for LedgerActor {
    type Result = ();

    fn handle(&mut self, draw: Draw, ctx: &mut Self::Context) {
        self.know(&draw.agent);
        self.draw(draw, ctx);
    }
}

impl Handler<TryDraw> for LedgerActor {
    type Result = Result<(), OverBudget>;

    fn handle(&mut self, TryDraw(agent): TryDraw, ctx: &mut Self::Context) -> Self::Result {
        self.know(&agent);
        // Whoever is given another task has none, whatever became of the one before.
        self.in_hand.remove(agent.path());
        let drawn = self.ledger.draw(agent.path());
        match &drawn {
            Ok(()) => drop(self.in_hand.insert(agent.path().clone())),
            Err(over) => self.suspend(over, ctx),
        }
        drawn
    }
}

impl Handler<Charge> for LedgerActor {
    type Result = Result<(), OverBudget>;

    fn handle(&mut self, charge: Charge, _: &mut Self::Context) -> Self::Result {
        self.ledger.charge(&charge.agent, &charge.unit, charge.amount);
        self.ledger.over(&charge.agent).map_or(Ok(()), Err)
    }
}

impl Handler<Took> for LedgerActor {
    type Result = ();

    fn handle(&mut self, Took(agent, time): Took, _: &mut Self::Context) {
        self.ledger.took(&agent, time);
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
    type Result = bool;

    fn handle(&mut self, raise: Raise, ctx: &mut Self::Context) -> bool {
        let known = self.ledger.raise(&raise.account, &raise.more);
        self.told.remove(&raise.account);
        self.let_go(&raise.account, ctx);
        known
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
