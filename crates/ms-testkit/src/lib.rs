//! Tests of actors and trees in virtual time, and a simulator that runs whole trees of them.
//!
//! - [`TestSystem`]: a node on one thread with a paused clock; components by name, and
//!   clean-up that runs whatever happens. [`clock`] lets time pass. [`TestBuilder`] makes one
//!   with its surroundings in one expression.
//! - [`Probe`]: an actor that records its messages: expect a message, expect silence.
//! - [`ends`]: expect that an actor ends with a reason, and that it comes back.
//! - [`faults`]: crash an actor, hang it, kill it.
//! - [`ManualSupervisor`]: a supervised actor that only the test restarts.
//! - [`Journal`]: children that record their starts and ends, to build trees from.
//! - [`child`]: tests that run themselves again, as a process that may be killed.
//! - [`tree`]: the whole tree of a node that runs in real time.
//! - [`http`]: raw answers over HTTP, for clients that misbehave on purpose.
//! - [`network`]: a proxy in front of a real service that cuts, delays or drops what passes.
//! - [`OutsideService`]: a stand-in for an external HTTP service.
//! - `servers` (a feature): Postgres, Redis and NATS, started for the test.
//! - [`seed()`]: the seed of a random test: another one at every run, and it is printed.
//! - [`sim`]: random trees, random faults, invariants after every step, all from one seed.
//!
//! This crate owns no rule of the system: it looks at the system from outside, through the public
//! API. It is for `[dev-dependencies]`.
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
pub mod http;
mod journal;
mod manual_supervisor;
pub mod network;
pub mod outside;
mod probe;
mod seed;
#[cfg(feature = "servers")]
pub mod servers;
pub mod sim;
mod system;
pub mod tree;

pub use builder::TestBuilder;
pub use journal::{Journal, JournalActor};
pub use manual_supervisor::ManualSupervisor;
pub use outside::OutsideService;
pub use probe::{Envelope, Probe};
pub use seed::{SEED_VARIABLE, seed};
pub use system::{Component, EXPECT_WITHIN, TestSystem};
