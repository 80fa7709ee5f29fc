//! The simulator: whole trees of the real actors, in virtual time, from one seed.
//!
//! A seed gives a [`Script`]: a tree (to depth 5, hundreds of actors of all three tiers,
//! mixed strategies and policies, a registry and a router in it) and steps (messages,
//! faults, commands, kills) with pauses between them, so that a fault also strikes in the middle of
//! something else. [`run`] plays it on one thread with a paused clock. Every actor reports its hooks
//! to the record of the run; invariants are checked in the hooks themselves and after every step
//! (`docs/testing.md` states them). The same script gives the same log, to the hash.
//!
//! ```
//! use ms_testkit::sim;
//!
//! let script = sim::generate(7);
//! let first = sim::run(&script);
//! assert_eq!(first.violations, []);
//! assert_eq!(first.hash, sim::run(&script).hash);
//! ```
//!
//! [`shrink()`] makes a script that fails smaller while it still fails; a script is plain
//! data (serde) and is played again from its text.
//!
//! Reading order: `script.rs` (the data), `generate.rs`, `world/` (the model and what must hold at
//! once), `actors.rs`, `play.rs` (the steps), `invariants.rs` (what must hold after each step).

mod actors;
mod build;
mod generate;
mod invariants;
mod play;
mod script;
mod shrink;
mod world;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

pub use generate::generate;
pub use script::{
    Act, ChildOptions, Full, Kind, LeafPlan, Pause, Plan, Script, Step, SupPlan, Trick, What,
};
pub use shrink::{Shrunk, shrink};
pub use world::Violation;
use world::World;

/// Returns the seeds that once broke an invariant, each with the reason (`once_failed.txt`). Every run
/// of the simulator plays them first.
pub fn once_failed() -> impl Iterator<Item = (u64, &'static str)> {
    include_str!("once_failed.txt").lines().filter_map(|line| {
        let (seed, what) = line.split_once(' ')?;
        Some((seed.parse().ok()?, what.trim()))
    })
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Hash of the event log: what happened to whom, in order, with virtual times.
    pub hash: u64,
    /// Events in the log.
    pub events: u64,
    /// Virtual time that passed, in milliseconds.
    pub virtual_ms: u64,
    /// Lives of the actors that report their hooks.
    pub lives: usize,
    /// Messages sent.
    pub messages: usize,
    /// Steps taken and faults that took effect, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Invariants that did not hold; empty if all did.
    pub violations: Vec<Violation>,
    /// The log as text. Only [`trace`] keeps it.
    pub lines: Vec<String>,
}

/// Plays a script and checks every invariant.
///
/// # Panics
/// If no runtime can be built on this thread, or one runs on it already.
#[must_use]
pub fn run(script: &Script) -> Outcome {
    play(script, false)
}

/// Plays a script as [`run`] does, and keeps the log as text.
///
/// # Panics
/// If no runtime can be built on this thread, or one runs on it already.
#[must_use]
pub fn trace(script: &Script) -> Outcome {
    play(script, true)
}

fn play(script: &Script, keep_lines: bool) -> Outcome {
    let world = World::new(script.seed, keep_lines);
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| {
        crate::clock::block_on(play::play(script, &world));
    }));
    if played.is_err() {
        // The kernel catches every panic of user code, so this one got past it.
        world.lock().violate("panic", "a panic came out of the run".to_owned());
    }
    // All futures were dropped with the runtime. If something still holds the record, an actor or a
    // factory was never dropped.
    let mut outcome = world.outcome();
    world.clear();
    if outcome.violations.is_empty() && world.holders() > 1 {
        let detail = format!("{} holders of dead actors' factories", world.holders() - 1);
        outcome.violations.push(Violation { rule: "leak", detail, step: script.steps.len() });
    }
    outcome
}

impl World {
    fn outcome(&self) -> Outcome {
        let lines = self.take_lines();
        let inner = self.lock();
        Outcome {
            hash: inner.hash(),
            events: inner.seq,
            virtual_ms: inner.virtual_ms,
            lives: inner.instances.len(),
            messages: inner.traffic.messages.len(),
            faults: inner.faults.clone(),
            violations: inner.violations.clone(),
            lines,
        }
    }
}
