//! Budgets: the actor that owns the accounts (`ledger.rs`), and its side in each agent
//! (`meter.rs`).
//!
//! Before each handler an agent of a budgeted subtree draws on its accounts
//! ([`ms_task::budget::Ledger`]). When one is used up, the message is held, the agents of the
//! subtree are suspended (which the tree shows) as soon as each is done with its message,
//! and an event says which budget it was. [`BudgetClient::raise`] lets them go on, with
//! the held messages first.
//!
//! What is used and what was permitted by [`BudgetClient::raise`] is kept in the store that
//! [`Budgets::kept_in`] names, and resumes from there after a restart, of the process too. An
//! agent handles a message, and gets the answer to what it spends, once that is on disk; time in
//! handlers follows within a second. Without a store, usage lasts as long as the actor.

mod ledger;
mod messages;
mod meter;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{AnyRef, AskFailure, LateRef, Ref, Slot};
use ms_core::budget::{AccountView, Budget, BudgetStop};
use ms_core::view::Tier;
use ms_core::{ActorPath, ExitReason, IdError};
use ms_supervisor::ChildSpec;
use ms_task::budget::BudgetStore;
use tokio::sync::oneshot;
use tokio::time::timeout;

pub use ledger::LedgerActor;
use messages::{GetStops, GetUsage, Raise};
pub(crate) use meter::Meter;

/// Longest wait for an answer of the ledger.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

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
    store: Option<Arc<dyn BudgetStore>>,
    ledger: Slot<LedgerActor>,
}

impl Budgets {
    /// Makes budgets as the child `id`; start it before the agents.
    #[must_use]
    pub fn new(id: impl AsRef<str>) -> Self {
        let id = id.as_ref().to_owned();
        Self { id, limits: Vec::new(), store: None, ledger: Slot::new() }
    }

    /// Limits the agents at and below `path` together.
    ///
    /// # Errors
    /// The text is no path.
    pub fn limit(mut self, path: impl AsRef<str>, budget: Budget) -> Result<Self, IdError> {
        self.limits.push((ActorPath::new(path)?, budget));
        Ok(self)
    }

    /// Keeps usage in `store`, and resumes from what is stored there. Start the store first; one
    /// store keeps one ledger.
    #[must_use]
    pub fn kept_in(mut self, store: impl BudgetStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Makes the child spec of the actor that owns the accounts.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let (limits, ledger) = (self.limits.clone(), self.ledger.clone());
        let store = self.store.clone();
        let factory = move |me: &Ref<LedgerActor>| {
            let actor = LedgerActor::new(&limits, store.clone());
            ledger.fill(me);
            Ok(actor)
        };
        let blueprint = Blueprint::with_view(factory, Tier::Kernel, Some(LedgerActor::view));
        ChildSpec::blueprint(&self.id, blueprint)
    }

    /// Returns a client that reads accounts and raises them.
    #[must_use]
    pub fn client(&self) -> BudgetClient {
        BudgetClient { ledger: self.ledger.late() }
    }

    /// Makes the meter with which one agent draws.
    pub(crate) fn meter(&self, agent: AnyRef) -> Meter {
        Meter::new(self.ledger.late(), agent)
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
    ledger: LateRef<LedgerActor>,
}

/// Why a call about budgets failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// No budget was set for that path.
    #[error("there is no budget for {0}; set one with `Budgets::limit`")]
    NoAccount(ActorPath),
    /// The budget for that path has no limit of that unit.
    #[error("the budget for {account} does not limit {unit:?}, only {known}; raise one of these")]
    NoUnit {
        /// The path of the account.
        account: ActorPath,
        /// The unit that was to be raised.
        unit: String,
        /// The units that are limited.
        known: String,
    },
    /// The actor that owns the accounts was not started, or has ended for good.
    #[error("the budgets are not running; give `Budgets::child` to a supervisor")]
    NotStarted,
    /// The actor that owns the accounts does not answer.
    #[error("the budgets do not answer; look at their actor in the tree")]
    NoAnswer(#[source] AskFailure),
}

impl BudgetClient {
    /// Returns all accounts and their usage.
    ///
    /// # Errors
    /// [`BudgetError::NotStarted`] and [`BudgetError::NoAnswer`].
    pub async fn usage(&self) -> Result<Vec<AccountView>, BudgetError> {
        self.ledger()?
            .ask(GetUsage)
            .await
            .map_err(|error| BudgetError::NoAnswer(error.into_failure()))
    }

    /// Returns the used-up accounts that hold up agents at, below or above `path`, as `msctl why`
    /// shows them.
    ///
    /// # Errors
    /// [`BudgetError::NotStarted`] and [`BudgetError::NoAnswer`].
    pub async fn stops(&self, path: &ActorPath) -> Result<Vec<BudgetStop>, BudgetError> {
        self.ledger()?
            .ask(GetStops(path.clone()))
            .await
            .map_err(|error| BudgetError::NoAnswer(error.into_failure()))
    }

    /// Permits more to the account of `path`, and lets its agents go on; gives the account as it
    /// is then. Where budgets are kept in a store, it is on disk when this returns.
    ///
    /// # Errors
    /// There is no such account, a unit is not limited by it (nothing is raised then), or no
    /// answer.
    pub async fn raise(&self, path: &ActorPath, more: Budget) -> Result<AccountView, BudgetError> {
        let (reply, answer) = oneshot::channel();
        let raise = Raise { account: path.clone(), more, reply };
        let ledger = self.ledger()?;
        let no_answer = BudgetError::NoAnswer;
        ledger.tell(raise).await.map_err(|error| no_answer(error.into_failure().into()))?;
        let path = ledger.path().clone();
        match timeout(ANSWER_WITHIN, ledger.any().answer_of(answer)).await {
            Ok(Some(raised)) => raised,
            Ok(None) => {
                let reason = ledger.any().last_exit().unwrap_or(ExitReason::NoProc);
                Err(no_answer(AskFailure::Exited { path, reason }))
            }
            Err(_) => Err(no_answer(AskFailure::TimedOut { path, within: ANSWER_WITHIN })),
        }
    }

    fn ledger(&self) -> Result<Ref<LedgerActor>, BudgetError> {
        self.ledger.get().ok_or(BudgetError::NotStarted)
    }
}
