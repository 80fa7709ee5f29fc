//! The stored form of budgets, and the port of the store.

use std::fmt;

use ms_core::ActorPath;
use serde::{Deserialize, Serialize};

use crate::StoreFuture;

/// One unit of one account, as it is stored. The limit is not stored: the program sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUsage {
    /// The path of the account.
    pub account: ActorPath,
    /// The unit.
    pub unit: String,
    /// How much is used.
    pub used: u64,
    /// How much was permitted beyond the limit that the program sets.
    pub raised: u64,
}

/// A store of what is used of budgets.
///
/// # Cancel safety
/// A call whose future is dropped may have been carried out.
pub trait BudgetStore: Send + Sync + fmt::Debug + 'static {
    /// Returns all that is kept.
    fn kept(&self) -> StoreFuture<Vec<KeptUsage>>;

    /// Keeps these, each in place of what was kept of the same unit; on disk once the future
    /// returns `Ok`.
    fn keep(&self, usage: Vec<KeptUsage>) -> StoreFuture<()>;
}
