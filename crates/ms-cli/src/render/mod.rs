//! Pure functions from views to text.
//!
//! Text that comes from the node (panic messages, type names, reasons) goes
//! through [`clean`], so that it can neither forge a line nor control a terminal.

mod blast;
mod budgets;
mod dot;
mod event;
mod facts;
mod found;
mod inspect;
mod interactions;
mod ps;
mod style;
mod tasks;
mod tree;
mod units;
mod why;

pub(crate) use blast::{blast, steered};
pub(crate) use budgets::budgets;
pub(crate) use dot::dot;
pub(crate) use event::{event, trace};
pub(crate) use found::found;
pub(crate) use inspect::{info, inspect, state, statistics};
pub(crate) use interactions::interactions;
pub(crate) use ps::ps;
pub(crate) use style::Style;
pub(crate) use tasks::{taken, task, task_table, tasks, tasks_foretold, tasks_steered};
pub(crate) use tree::tree;
pub(crate) use units::{clean, many};
pub(crate) use why::{no_records, over_budget, why};

#[cfg(test)]
mod golden;
#[cfg(test)]
mod sample;
