//! What is kept of budgets, and the port to whoever keeps it.

use std::fmt;

use ms_core::ActorPath;
use serde::{Deserialize, Serialize};

use crate::StoreFuture;

/// One unit of one account, as it is kept. The limit is not: that is for the program to say.
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

/// Whoever keeps what is used of budgets.
///
/// # Cancel safety
/// A call whose future is dropped may have been carried out.
pub trait BudgetStore: Send + Sync + fmt::Debug + 'static {
    /// All that is kept.
    fn kept(&self) -> StoreFuture<Vec<KeptUsage>>;

    /// Keeps these, each in place of what was kept of the same unit; on disk when the future
    /// gives `Ok`.
    fn keep(&self, usage: Vec<KeptUsage>) -> StoreFuture<()>;
}
