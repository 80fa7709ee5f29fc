//! The supervisor's policy under a model checker: small supervisors in a world that does
//! to them whatever a world can do, in every order.
//!
//! [`Setup`] is one supervisor: a strategy, the restart types of its children and how
//! much the world may do to it. [`Tree`] is the stateright model of one: its states hold
//! the real [`ms_policy::Policy`], its actions are the events the supervisor's actor
//! could feed it next. What must hold is in [`laws`]; the books kept for it in `books.rs`.
//! [`run`] explores setups completely: a setup's graph of states is finite, because
//! restarts end at the intensity and the rest has a [`Budget`].
//!
//! It does not look at times shorter than the window's seconds, at dynamic children
//! (`simple_one_for_one`), or at the actor around the policy: those are the business of
//! the property tests and the simulator.

mod books;
pub mod laws;
mod run;
mod setup;
mod tree;
mod world;

pub use run::{Explored, Violation, run, run_all};
pub use setup::{Budget, Setup, bounded, exhaustive};
pub use tree::Tree;
pub use world::{Action, World};
