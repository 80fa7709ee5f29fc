//! The supervisor's policy under a model checker: small supervisors in a world in which everything
//! that can happen to them happens, in every order.
//!
//! [`Setup`] is one supervisor: a strategy, the restart types of its children, and how much may
//! happen to it. [`Tree`] is the stateright model of one: its states hold the real
//! [`ms_policy::Policy`], its actions are the events that the supervisor's actor could feed it next.
//! What must hold is in [`laws`]; `oracle.rs` decides whether it does.
//! [`run`] explores a setup completely. Its graph of states is finite, because restarts end at the
//! intensity and everything else has a [`Budget`].
//!
//! It does not look at times shorter than the window's seconds, at dynamic children
//! (`simple_one_for_one`), or at the actor around the policy. The property tests and the simulator do.

pub mod laws;
mod oracle;
mod run;
mod setup;
mod tree;
mod world;

pub use run::{Explored, Violation, run, run_all};
pub use setup::{Budget, Setup, bounded, exhaustive};
pub use tree::Tree;
pub use world::{Action, World};
