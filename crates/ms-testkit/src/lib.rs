//! Tests of actors and trees in virtual time, and a simulator that runs whole trees of them.
//!
//! - [`TestSystem`]: a node on one thread with a paused clock; components by name, and
//!   clean-up that runs whatever happens. [`clock`] lets time pass. [`TestBuilder`] makes one
//!   with its surroundings in one expression.
//! - [`Probe`]: an actor that writes down what it is sent: expect a message, expect silence.
//! - [`ends`]: expect that an actor ends, with which reason, and that it comes back.
//! - [`faults`]: crash it, hang it, kill it.
//! - [`Hand`]: a supervised actor without a supervisor: the test says when it comes back.
//! - [`Journal`]: children that write down their lives, to build trees of.
//! - [`child`]: tests that run themselves again as a process that may be killed.
//! - [`http`]: answers over HTTP as they came, for clients that misbehave on purpose.
//! - [`network`]: a network that can be cut, slowed and half lost, before a real service.
//! - [`OutsideService`]: a service of somebody else's, which answers as it is told.
//! - `servers` (a feature): Postgres, Redis and NATS, started for the test.
//! - [`seed()`]: where a random test begins: elsewhere at every run, and it says where.
//! - [`sim`]: random trees, random faults, invariants after every step, all from one seed.
//!
//! This crate owns no rule of the system: it looks at it from outside, through the same
//! API as everybody else. It is for `[dev-dependencies]`.
//!
//! ```
//! use ms_core::ExitReason;
//! use ms_supervisor::SupervisorSpec;
//! use ms_testkit::{Journal, TestSystem, ends, faults};
//!
//! TestSystem::run(async |t| {
//!     let journal = Journal::new();
//!     let tree = SupervisorSpec::one_for_one("root").child(journal.child("a"));
//!     let root = t.start(tree).await;
//!     let a = root.child(&"a".parse().unwrap()).await.unwrap().unwrap();
//!     faults::crash(&a);
//!     let restarted = ends::expect_restart(&a, t.soon()).await;
//!     assert_eq!(restarted.restarts, 1);
//!     assert_eq!(journal.take(), ["+a", "-a", "+a"]);
//! });
//! ```
//!
//! `docs/testing.md` is the manual.

mod builder;
pub mod child;
pub mod clock;
pub mod ends;
pub mod faults;
mod hand;
pub mod http;
mod journal;
pub mod network;
pub mod outside;
mod probe;
mod seed;
#[cfg(feature = "servers")]
pub mod servers;
pub mod sim;
mod system;

pub use builder::TestBuilder;
pub use hand::Hand;
pub use journal::{Journal, JournalActor};
pub use outside::OutsideService;
pub use probe::{Envelope, Probe};
pub use seed::{SEED_VARIABLE, seed};
pub use system::{Component, SOON, TestSystem};
