//! Pure functions from views to text.
//!
//! Text that comes from the node (messages of panics, type names, reasons) goes
//! through [`clean`], so that it can neither forge a line nor drive a terminal.

mod blast;
mod dot;
mod event;
mod facts;
mod inspect;
mod integration;
mod ps;
mod style;
mod tree;
mod units;
mod why;

pub(crate) use blast::{blast, steered};
pub(crate) use dot::dot;
pub(crate) use event::{event, trace};
pub(crate) use inspect::{info, inspect, state, statistics};
pub(crate) use integration::integration;
pub(crate) use ps::ps;
pub(crate) use style::Style;
pub(crate) use tree::tree;
pub(crate) use units::clean;
pub(crate) use why::why;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod sample;
