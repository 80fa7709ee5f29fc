//! The simulator: whole trees of the real actors, in virtual time, from one seed.
//!
//! A seed gives a [`Script`]: a tree (to depth 5, hundreds of actors of all three tiers,
//! mixed strategies and policies, a registry and a router in it) and steps (messages,
//! faults, commands, kills) with pauses that place them in the middle of things.
//! [`run`] plays it on one thread with a paused clock. Every actor tells the run's record
//! of its hooks; invariants are checked in the hooks themselves and after every step
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
//! Reading order: `script.rs` (the data), `generate.rs`, `world.rs` (the model), `cast.rs`
//! (the actors), `play.rs` (the steps), `truth.rs` and `letters.rs` (the invariants).

mod build;
mod cast;
mod generate;
mod letters;
mod play;
mod script;
mod shrink;
mod truth;
mod world;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

pub use generate::generate;
pub use script::{
    Act, Care, Full, Kind, LeafPlan, Pause, Plan, Script, Step, SupPlan, Trick, What,
};
pub use shrink::{Shrunk, shrink};
pub use world::Violation;
use world::World;

/// Seeds that broke an invariant once and what it was, from `once_failed.txt`: played for ever.
pub fn once_failed() -> impl Iterator<Item = (u64, &'static str)> {
    include_str!("once_failed.txt").lines().filter_map(|line| {
        let (seed, what) = line.split_once(' ')?;
        Some((seed.parse().ok()?, what.trim()))
    })
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Hash of the event log: what happened to whom, in order, with virtual times.
    pub hash: u64,
    /// Events in the log.
    pub events: u64,
    /// Virtual time that passed, in milliseconds.
    pub virtual_ms: u64,
    /// Lives of actors that tell of themselves.
    pub lives: usize,
    /// Messages sent.
    pub messages: usize,
    /// Steps, and faults that showed, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Invariants that did not hold; empty when all is well.
    pub violations: Vec<Violation>,
    /// The log in words, from [`trace`] only.
    pub lines: Vec<String>,
}

/// Plays a script.
///
/// # Panics
/// When no runtime can be built on this thread, or one runs on it already.
#[must_use]
pub fn run(script: &Script) -> Outcome {
    play(script, false)
}

/// As [`run`], and keeps the log in words.
///
/// # Panics
/// As there.
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
        // All user code runs under the kernel's nets: this came through them.
        world.lock().violate("panic", "a panic came out of the run".to_owned());
    }
    // All futures are dropped with the runtime; the record must be its own last holder.
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
            messages: inner.post.letters.len(),
            faults: inner.faults.clone(),
            violations: inner.violations.clone(),
            lines,
        }
    }
}
