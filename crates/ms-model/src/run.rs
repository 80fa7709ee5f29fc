//! Explores setups to the last state.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use stateright::{Checker, Model};

use crate::setup::Setup;
use crate::tree::Tree;

/// The result of exploring one setup.
#[derive(Debug)]
pub struct Explored {
    /// The setup, as text.
    pub setup: String,
    /// The number of different states.
    pub states: usize,
    /// The number of steps between them, including those to a known state.
    pub steps: usize,
    /// The greatest distance of a state from the start, in steps.
    pub depth: usize,
    /// Laws that do not hold.
    pub violations: Vec<Violation>,
}

/// A law that does not hold, and the steps that show it.
#[derive(Debug)]
pub struct Violation {
    /// The law.
    pub law: String,
    /// The steps that lead to the state in which it is broken.
    pub way: Vec<String>,
}

/// Explores one setup completely.
#[must_use]
pub fn run(setup: &Setup) -> Explored {
    // Breadth first: the way to a broken law is then the shortest one, which is the one a person can
    // read.
    let checker = Tree(setup.clone()).checker().spawn_bfs().join();
    let violations = checker
        .discoveries()
        .into_iter()
        .map(|(law, path)| Violation {
            law: law.to_owned(),
            way: path.into_actions().iter().map(|action| format!("{action:?}")).collect(),
        })
        .collect();
    Explored {
        setup: setup.to_string(),
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        violations,
    }
}

/// Explores setups, as many at a time as the machine has processors. Calls `done` after each.
pub fn run_all(setups: &[Setup], done: impl Fn(&Explored) + Sync) -> Vec<Explored> {
    // A thread for each setup and not several for one: there are many, and most of them are small.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(setup) = setups.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let explored = run(setup);
                    done(&explored);
                    all.lock().unwrap_or_else(PoisonError::into_inner).push(explored);
                }
            });
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}
