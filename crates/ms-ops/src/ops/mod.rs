//! The operations on a node, one type each.
//!
//! They are sorted by part: `tree`, `actors`, `events`, `names`, `budgets`, `tasks`, `node`. A new one
//! needs a declaration here, a line in [`Table::standard`], and a provider.

mod actors;
mod budgets;
mod choices;
mod events;
mod names;
mod node;
mod tasks;
mod tree;

pub use actors::{
    CountMessages, DryRun, Inject, Inspect, MAX_TRACE, MAX_TRACE_FOR, MAX_WHY, MAX_WINDOW, Ps,
    ReadState, Statistics, SteerActor, TraceMessages, Why,
};
pub use budgets::{BudgetStops, ListBudgets, RaiseBudget};
pub use choices::{Fault, PsSort, Verb};
pub use events::{EventStart, FollowEvents};
pub use names::{ListNames, Lookup, MAX_LOOKUP};
pub use node::{Info, Interactions, Probe, ProbeKind, Resources};
pub use tasks::{
    CancelTask, GetTask, ListTasks, RetryTask, ShowTask, SubmitBatch, SubmitTask, TaskOutcome,
};
pub use tree::{MAX_TREE_FOR, ShowTree, WalkTree};

use crate::table::Table;

/// Longest reason given for the record, in characters.
pub const MAX_REASON: u64 = 500;

impl Table {
    /// Returns the table of the framework's own operations.
    #[must_use]
    pub fn standard() -> Self {
        Self::new()
            .with::<ShowTree>()
            .with::<WalkTree>()
            .with::<Ps>()
            .with::<Inspect>()
            .with::<ReadState>()
            .with::<Why>()
            .with::<Statistics>()
            .with::<CountMessages>()
            .with::<DryRun>()
            .with::<SteerActor>()
            .with::<Inject>()
            .with::<TraceMessages>()
            .with::<FollowEvents>()
            .with::<Lookup>()
            .with::<ListNames>()
            .with::<ListBudgets>()
            .with::<BudgetStops>()
            .with::<RaiseBudget>()
            .with::<ListTasks>()
            .with::<GetTask>()
            .with::<ShowTask>()
            .with::<TaskOutcome>()
            .with::<SubmitTask>()
            .with::<SubmitBatch>()
            .with::<CancelTask>()
            .with::<RetryTask>()
            .with::<Info>()
            .with::<Interactions>()
            .with::<Resources>()
            .with::<Probe>()
    }
}
