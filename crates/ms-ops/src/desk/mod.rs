//! The desk, through which every operation on a node goes.
//!
//! [`Desk::call`] and [`Desk::watch`] take the steps of `steps.rs` in their order and hand the
//! request to its provider. `carry.rs` brings a change that has begun to its end, `repeats.rs` keeps
//! one that is sent again from being done again, `named.rs` serves doors that know no types.

mod carry;
mod named;
mod provider;
mod repeats;
mod steps;
mod watch;

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::Value;

pub use named::Prepared;
pub(crate) use named::{once, ongoing};
pub use provider::{Asked, Sink};
pub use steps::{Ending, Observe, Unobserved};
pub use watch::Watching;

use crate::authenticate::{AcceptVerified, Authenticate};
use crate::caller::Caller;
use crate::codes;
use crate::error::OpError;
use crate::gate::{Gate, InHand, Open, Rate};
use crate::operation::{Once, Ongoing, Operation};
use crate::policy::{Policy, Roles};
use crate::record::{Audit, NoRecords, Records};
use crate::table::{Listed, Table};
use crate::written::Written;
use provider::{Answers, Provider, Sends};
use repeats::Repeats;
#[cfg(test)]
pub(crate) use repeats::{FOR as REQUEST_IDS_FOR, MOST as MOST_REQUEST_IDS};

/// Carries out every operation on a node. Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use ms_ops::{Caller, Desk, Table};
/// use ms_ops::ops::ListBudgets;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let desk = Desk::builder(Table::standard())
///     .provide::<ListBudgets, _>(|_, ListBudgets {}| async { Ok(Vec::new()) })
///     .build();
/// let me = Caller::process("the example");
/// let budgets = desk.call(me, Duration::from_secs(1), ListBudgets {}).await;
/// assert_eq!(budgets.unwrap(), []);
/// # });
/// ```
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

/// Only the providers change in it, so that a call without a request id takes no lock.
struct Inner {
    table: Table,
    // By type: a typed call compares no names, and only the provider of that very type fits.
    slots: HashMap<TypeId, ArcSwapOption<Provider>>,
    gate: Arc<dyn Gate>,
    authenticate: Arc<dyn Authenticate>,
    rate: Arc<dyn Rate>,
    policy: Arc<dyn Policy>,
    records: Arc<dyn Records>,
    observe: Arc<dyn Observe>,
    audit: Audit,
    repeats: Repeats,
}

impl Desk {
    /// Returns a builder of a desk for the operations of a table.
    #[must_use]
    pub fn builder(table: Table) -> DeskBuilder {
        let desk = Inner {
            table,
            slots: HashMap::new(),
            gate: Arc::new(Open),
            authenticate: Arc::new(AcceptVerified),
            rate: Arc::new(InHand::default()),
            policy: Arc::new(Roles),
            records: Arc::new(NoRecords),
            observe: Arc::new(Unobserved),
            audit: Audit::default(),
            repeats: Repeats::default(),
        };
        DeskBuilder { desk, providers: HashMap::new() }
    }

    /// Returns the table of the operations it knows, provided or not.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.0.table
    }

    /// Returns whether an operation is provided.
    #[must_use]
    pub fn provides<O: Operation>(&self) -> bool {
        self.0.slots.get(&TypeId::of::<O>()).is_some_and(|slot| slot.load().is_some())
    }

    /// Sets the provider of an operation, in place of the one before: a component does so at each of
    /// its starts.
    ///
    /// # Errors
    /// `NO_OPERATION`, when the table does not have it.
    pub fn provide<O, F>(
        &self,
        provider: impl Fn(Asked, O) -> F + Send + Sync + 'static,
    ) -> Result<(), OpError>
    where
        O: Once,
        F: Future<Output = Result<O::Answer, OpError>> + Send + 'static,
    {
        self.put::<O>(Provider::new(Answers::new(provider)))
    }

    /// Sets the provider of an operation that is answered item by item. The provider should end when
    /// nobody takes its items any more, and is aborted when it does not.
    ///
    /// The closure is called before [`watch`](Self::watch) returns: whatever must be settled by then
    /// belongs before its first await.
    ///
    /// # Errors
    /// Those of [`provide`](Self::provide).
    pub fn provide_watch<O, F>(
        &self,
        provider: impl Fn(Asked, O, Sink<O::Answer>) -> F + Send + Sync + 'static,
    ) -> Result<(), OpError>
    where
        O: Ongoing,
        F: Future<Output = Result<(), OpError>> + Send + 'static,
    {
        self.put::<O>(Provider::new(Sends::new(provider)))
    }

    fn put<O: Operation>(&self, provider: Provider) -> Result<(), OpError> {
        // Doors were made from the table when they opened: an operation that is added later would be
        // at none of them.
        self.0.table.row(O::NAME)?;
        // By the type: the row may be another type's of the same name.
        let slot = self.0.slots.get(&TypeId::of::<O>());
        let slot = slot.ok_or_else(|| {
            let what = format!("the operation {} of this desk is of another type", O::NAME);
            OpError::new(&codes::NO_OPERATION, what).next("build the desk with this type")
        })?;
        slot.store(Some(Arc::new(provider)));
        Ok(())
    }

    /// Carries out an operation by its name, for doors that know no types.
    ///
    /// # Errors
    /// Those of [`call`](Self::call), and of a name or fields that the table does not have.
    pub async fn call_named(
        &self,
        caller: Caller,
        within: Duration,
        name: &str,
        fields: Value,
    ) -> Result<Written, OpError> {
        self.0.table.read(name, fields)?.call(self.clone(), caller, within).await
    }

    fn not_built_in<O: Operation>(&self) -> OpError {
        let part = self.0.table.row(O::NAME).map_or(O::NAME, |row| row.part());
        let what = format!("{} is not built into this node: nobody provides {part}", O::NAME);
        OpError::new(&codes::NOT_BUILT_IN, what)
            .next("`msctl info` shows which node answers; --control chooses another")
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("operations", &self.0.slots.len()).finish_non_exhaustive()
    }
}

/// Builds a [`Desk`].
pub struct DeskBuilder {
    /// Without slots, which are made once the table is whole.
    desk: Inner,
    providers: HashMap<TypeId, Provider>,
}

impl DeskBuilder {
    /// Sets the provider of an operation, and adds the operation to the table if it is not there.
    #[must_use]
    pub fn provide<O, F>(self, provider: impl Fn(Asked, O) -> F + Send + Sync + 'static) -> Self
    where
        O: Once + Listed,
        F: Future<Output = Result<O::Answer, OpError>> + Send + 'static,
    {
        self.put::<O>(Provider::new(Answers::new(provider)))
    }

    /// Sets the provider of an operation that is answered item by item.
    #[must_use]
    pub fn provide_watch<O, F>(
        self,
        provider: impl Fn(Asked, O, Sink<O::Answer>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        O: Ongoing + Listed,
        F: Future<Output = Result<(), OpError>> + Send + 'static,
    {
        self.put::<O>(Provider::new(Sends::new(provider)))
    }

    fn put<O: Listed>(mut self, provider: Provider) -> Self {
        // A program's own operations come in here, before any door is made from the table.
        self.desk.table = self.desk.table.with::<O>();
        self.providers.insert(TypeId::of::<O>(), provider);
        self
    }

    /// Sets the gate, which decides whether the node takes a request now.
    #[must_use]
    pub fn gate(mut self, gate: impl Gate) -> Self {
        self.desk.gate = Arc::new(gate);
        self
    }

    /// Sets what turns credentials into principals.
    #[must_use]
    pub fn authenticate(mut self, authenticate: impl Authenticate) -> Self {
        self.desk.authenticate = Arc::new(authenticate);
        self
    }

    /// Sets the bound on how much is asked.
    #[must_use]
    pub fn rate(mut self, rate: impl Rate) -> Self {
        self.desk.rate = Arc::new(rate);
        self
    }

    /// Sets the policy, which decides who may do what.
    #[must_use]
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.desk.policy = Arc::new(policy);
        self
    }

    /// Sets where records are kept, and how much is put on record.
    #[must_use]
    pub fn records(mut self, records: impl Records, audit: Audit) -> Self {
        (self.desk.records, self.desk.audit) = (Arc::new(records), audit);
        self
    }

    /// Sets the observer, which learns how long each call took.
    #[must_use]
    pub fn observe(mut self, observe: Arc<dyn Observe>) -> Self {
        self.desk.observe = observe;
        self
    }

    /// Returns the desk.
    #[must_use]
    pub fn build(self) -> Desk {
        let Self { mut desk, mut providers } = self;
        let slot = |operation: TypeId| {
            let provider = providers.remove(&operation).map(Arc::new);
            (operation, ArcSwapOption::new(provider))
        };
        // A slot for each operation, provided or not: a component fills its own when it starts, and
        // the map itself never changes.
        desk.slots = desk.table.rows().map(|row| row.operation).map(slot).collect();
        Desk(Arc::new(desk))
    }
}

impl fmt::Debug for DeskBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeskBuilder").field("table", &self.desk.table).finish_non_exhaustive()
    }
}
